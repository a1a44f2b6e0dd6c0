"""Bad input to the verbs of data: one sentence that names file, rule and value, and nothing half written."""

from __future__ import annotations

import gzip
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from backports import zstd
from said import Said

RECIPE = """
[budget]
tokens = 1024
length = 32
[arms.again]
intervention = "a/a"
"""


def limited(size: int, *arguments: object) -> Said:
    """The same in a process that may write no file of more than `size` bytes: what a full disk does to it."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    code = "import sys; sys.argv[0] = 'benchshadow'; from benchshadow.cli import main; main()"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit)
    return Said(done.returncode, done.stdout, done.stderr)


def lines(*rows: object) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def texts(count: int) -> list[dict[str, str]]:
    return [{"text": f"Document {k} tells of {k * 37 % 101} and {k * 11 % 97} at some length."} for k in range(count)]


@pytest.fixture
def place(tmp_path) -> Path:
    """A folder with a corpus, a benchmark and a recipe, all good."""
    (tmp_path / "corpus.jsonl").write_bytes(lines(*texts(300)))
    items = [{"question": f"What is {k} and {k * 7} of all those numbers that we have here today?"} for k in range(30)]
    (tmp_path / "items.jsonl").write_bytes(lines(*({**item, "answer": "x"} for item in items)))
    (tmp_path / "recipe.toml").write_text(RECIPE)
    return tmp_path


def audit(place: Path, corpus: str = "corpus.jsonl", items: str = "items.jsonl") -> list[object]:
    return ["audit", place / corpus, "--benchmark", place / items, "--out", place / "out", "--workers", 1]


def intervene(place: Path, corpus: str = "corpus.jsonl") -> list[object]:
    return ["intervene", place / corpus, "--recipe", place / "recipe.toml", "--out", place / "out", "--vocabulary", 320]


def left(folder: Path) -> set[str]:
    """Files below a folder, but for the claim of whose it is."""
    return {path.name for path in folder.rglob("*") if path.is_file()} - {"work.json"} if folder.exists() else set()


CUT = {
    ".jsonl.gz": gzip.compress(lines(*texts(2000)))[:-200],
    ".jsonl.zst": zstd.compress(lines(*texts(2000)))[:-200],
}


@pytest.mark.parametrize("suffix", CUT)
@pytest.mark.parametrize("verb", ["audit", "intervene"])
def test_a_compressed_corpus_that_is_cut_short_is_refused_whole(place, say, suffix, verb):
    name = f"cut{suffix}"
    (place / name).write_bytes(CUT[suffix])
    said = say(*(audit if verb == "audit" else intervene)(place, name))
    assert said.code == 3
    assert f"{name}: must be readable to its end but is not" in said.refusal
    assert left(place / "out") == set()


@pytest.mark.parametrize("suffix", CUT)
def test_so_is_a_benchmark(place, say, suffix):
    (place / f"cut{suffix}").write_bytes(CUT[suffix])
    said = say(*audit(place, items=f"cut{suffix}"))
    assert said.code == 3
    assert f"cut{suffix}: must be readable to its end but is not" in said.refusal
    assert not (place / "out").exists()


@pytest.mark.parametrize(
    ("name", "content", "rule"),
    [
        ("wide.jsonl", '{"text": "words"}\n'.encode("utf-16"), "begins with the byte order mark of UTF-16"),
        ("latin.txt", "caf\xe9 au lait".encode("latin-1"), "must be UTF-8 but has the byte 0xe9 at position 3"),
        (
            "latin.jsonl",
            '{"text": "caf\xe9"}\n'.encode("latin-1"),
            "must be UTF-8 but has the byte 0xe9 at position 13",
        ),
        ("empty.jsonl", b"", "must hold at least one document but holds none"),
        ("other.jsonl", lines({"said": "words"}), "must have the field 'text' but has ['said']"),
    ],
)
@pytest.mark.parametrize("verb", ["audit", "intervene"])
def test_a_corpus_of_another_encoding_or_form_is_one_sentence(place, say, name, content, rule, verb):
    (place / name).write_bytes(content)
    said = say(*(audit if verb == "audit" else intervene)(place, name))
    assert said.code == 3
    assert name in said.refusal
    assert rule in said.refusal
    assert left(place / "out") == set()


def test_malformed_lines_are_told_by_number_and_stop_the_verb_only_under_strict(place, say):
    good = lines(*texts(300))
    (place / "some.jsonl").write_bytes(good + b'{"text": broken}\n' + good + b'{"text": "caf\xe9"}\n')
    said = say(*audit(place, "some.jsonl"))
    assert said.code == 0
    summary = json.loads((place / "out" / "summary.json").read_text())
    assert [each["line"] for each in summary["refused"]] == [301, 602]
    assert "some.jsonl: rows or files that were refused: 2, the first" in " ".join(said.out.split())
    strict = say(*audit(place, "some.jsonl"), "--strict")
    assert strict.code == 4
    assert strict.refusal.startswith(f"{place / 'out'}: every row and file must be read but 2 were refused, the first ")
    assert f"{place / 'some.jsonl'}:301: must be a JSON object but is not" in strict.refusal
    assert (place / "out" / "records.parquet").is_file()  # what could be read was


def test_arms_say_so_too(place, say):
    (place / "some.jsonl").write_bytes(lines(*texts(300)) + b"{broken\n")
    said = say(*intervene(place, "some.jsonl"), "--strict")
    assert said.code == 4
    assert f"but 1 were refused, the first {place / 'some.jsonl'}:301: must be a JSON object" in said.refusal
    assert say(*intervene(place, "some.jsonl")).code == 0


def test_a_budget_that_the_corpus_does_not_hold_is_refused_with_what_can_be_had(place, say):
    said = say(*intervene(place), "--tokens", 32 * 10**6)
    assert said.code == 3
    number = said.refusal.partition("must be at most ")[2].partition(",")[0]
    assert 1_000 < int(number) < 100_000
    assert left(place / "out" / "arms") == set()
    assert say(*intervene(place), "--tokens", int(number) // 64 * 32).code == 3  # the folder is claimed for other work
    again = [str(each).replace("/out", "/again") for each in intervene(place)]
    assert say(*again, "--tokens", int(number) // 64 * 32).code == 0


def test_a_benchmark_whose_items_are_all_too_short_is_counted_and_has_no_share(place, say):
    (place / "short.jsonl").write_bytes(lines(*({"question": f"why {k}", "answer": "x"} for k in range(20))))
    said = say(*audit(place, items="short.jsonl"))
    assert said.code == 0
    assert "0/0" in said.out
    records = pl.read_parquet(place / "out" / "records.parquet").filter(pl.col("diagnostic") == "overlap_hit_share")
    assert records.height == 6
    assert records["value"].null_count() == 6
    assert set(records["method"]) == {"undefined: every item is too short for the rule"}
    page = " ".join((place / "out" / "report.html").read_text().split())
    assert "nothing can be said by 13 words in a row" in page


@pytest.mark.parametrize("size", [300, 4_000])
def test_a_disk_that_fills_up_leaves_no_audit(place, size):
    said = limited(size, *audit(place))
    assert said.code == 3, said.err
    assert "cannot be written" in said.refusal
    assert left(place / "out") == set()


@pytest.mark.parametrize("size", [1_000, 9_000])
def test_a_disk_that_fills_up_leaves_no_arm(place, size):
    said = limited(size, *intervene(place))
    assert said.code == 3, said.err
    assert "cannot be written" in said.refusal
    assert not [name for name in left(place) if name.endswith(".partial")]
    assert not list(place.glob("out/arms/again/*"))


@pytest.mark.parametrize(
    ("megabytes", "most"), [(2, 600), pytest.param(20, 800, marks=pytest.mark.slow)], ids=["2 MB", "20 MB"]
)
def test_one_long_document_is_audited_in_bounded_memory(place, megabytes, most):
    words = [f"word{k * 7919 % 9973}" for k in range(10_000)]
    text = (" ".join(words) + " ") * (megabytes * 10**6 // 88_000 + 1)
    (place / "long.jsonl").write_bytes(lines({"text": text[: megabytes * 10**6]}))
    code = (
        "import sys; sys.argv[0] = 'benchshadow'; from benchshadow.cli import main\n"
        "try: main()\n"
        # Not by getrusage, which counts in what the parent held when it forked.
        "finally: print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0], file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, *map(str, audit(place, "long.jsonl"))]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    assert int(done.stderr.splitlines()[-1]) < most * 1024
