"""Studies get one thread before the first library that counts them is loaded, in this process as in a worker."""

import json
import os
import subprocess
import sys

import pytest
from small_study import write_study

COUNTED = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
CODE = """
import json, os, sys

class Watch:
    seen = {}

    def find_spec(self, name, *_):
        if name in ("numpy", "torch"):
            self.seen[name] = [os.environ.get(each) for each in COUNTED]

sys.meta_path.insert(0, Watch())
from benchshadow.cli import main

try:
    main()
finally:
    print(json.dumps(Watch.seen))
"""


def seen_by_libraries(*arguments) -> dict[str, list[str | None]]:
    """Library to what the environment says when it is loaded, for a command that is started where one number is set."""
    env = {name: value for name, value in os.environ.items() if name not in COUNTED} | {COUNTED[0]: "8"}
    code = f"COUNTED = {COUNTED}\n{CODE}"
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=env)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("verb", ["demo", "study run", "study restore", "study merge"])
def test_a_study_has_one_thread_whatever_was_said_before(verb, tmp_path):
    given = {
        "demo": ["--plan"],
        "study run": [str(write_study(tmp_path)), "--plan"],
        "study restore": [str(tmp_path / "nowhere.toml"), "--arm", "aligned", "--plan"],
        "study merge": [str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")],
    }
    seen = seen_by_libraries(*verb.split(), *given[verb])
    assert "numpy" in seen
    assert set(map(tuple, seen.values())) == {("1", "1", "1")}


def test_arms_are_built_on_one_thread_unless_another_number_was_said(tmp_path):
    (tmp_path / "corpus.jsonl").write_text('{"text": "words"}\n', encoding="utf-8")
    arms = '[budget]\ntokens = 64\nlength = 32\n[arms.again]\nintervention = "a/a"\n'
    (tmp_path / "recipe.toml").write_text(arms, encoding="utf-8")
    recipe, out = str(tmp_path / "recipe.toml"), str(tmp_path / "out")
    seen = seen_by_libraries("intervene", str(tmp_path / "corpus.jsonl"), "--recipe", recipe, "--out", out, "--plan")
    assert seen["numpy"] == ["8", "1", "1"]
