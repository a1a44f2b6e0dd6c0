"""The README's table of claims says what the committed claims files say, and no more than their verdicts."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "experiments").glob("*/claims.json"))
KEYS = {
    "claim", "statement", "arm", "control", "measure", "tier", "effect", "low", "high", "p", "p_floor", "margin",
    "verdict", "replicates", "bases", "confirmatory", "study_hash",
}  # fmt: skip
ROW = {
    "claim": "C1", "arm": "aligned", "measure": "stable_rank", "at": "last step", "unit": "dimensions", "effect": -9.5,
    "low": -10.0, "high": -9.0, "p": 0.031, "verdict": "shift", "place": "outside", "replicates": 8, "bases": 4,
    "comparable": True, "confirmatory": True, "declared": "beforehand", "reason": None, "study": "small",
    "study_hash": "0123456789abcdef", "parameters": 1_377_408,
}  # fmt: skip


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_claims", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def lines(generator, folder, *rows) -> list[str]:
    """The table's rows that a claims file of these rows gives, without the heads of the claims."""
    path = folder / "small" / "claims.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(list(rows)), encoding="utf-8")
    return [line for line in generator.claims_table([path]).splitlines() if "(experiments/" in line]


def test_the_readme_holds_the_table_of_the_committed_files(generator):
    assert (ROOT / "README.md").read_text(encoding="utf-8") == generator.readme(), "stale: run make docs"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_a_committed_claims_file_is_a_list_of_whole_claims(path):
    rows = json.loads(path.read_text(encoding="utf-8"))
    assert rows
    assert [row["arm"] for row in rows if row["comparable"] and not row.keys() >= KEYS] == []
    said = {"shift", "no shift", "shift below the margin", "cannot tell", "descriptive"}
    assert {row["verdict"] for row in rows if row["comparable"]} <= said
    assert all(row["confirmatory"] != (row["verdict"] == "descriptive") for row in rows if row["comparable"])


def test_a_confirmed_claim_is_told_with_its_interval_and_p(generator, tmp_path):
    assert lines(generator, tmp_path, ROW) == [
        "| C1 | [small](experiments/small) `01234567`, 1.38M weights | aligned on stable rank "
        "| -9.5 [-10, -9] dimensions "
        "| **shift** (p = 0.031, corrected) | 8, 4 |"
    ]


def test_what_is_descriptive_or_exploratory_is_called_so(generator, tmp_path):
    described = {**ROW, "confirmatory": False, "declared": None, "verdict": "descriptive", "unit": "share"}
    late = {**described, "declared": "afterwards", "place": "inside", "at": "equal loss"}
    first, second = lines(generator, tmp_path, described, late)
    assert first.endswith("| -9.5 [-10, -9] | descriptive: outside the A/A range | 8, 4 |")
    assert "aligned on stable rank, at equal loss |" in second
    assert "| exploratory, descriptive: inside the A/A range |" in second
    assert "p =" not in first + second


def test_what_could_not_be_compared_has_its_reason(generator, tmp_path):
    never = {**ROW, "comparable": False, "verdict": None, "effect": None, "reason": "not comparable: never equal"}
    (line,) = lines(generator, tmp_path, never)
    assert line.endswith("| aligned on stable rank |  | not comparable: never equal |  |")


def test_claims_that_no_file_speaks_to_are_said_to_be_open(generator, tmp_path):
    assert lines(generator, tmp_path, {**ROW, "claim": None}) == []
    table = generator.claims_table([])
    assert table.count("not examined yet") == len(generator.CLAIMS) == 7


def test_a_file_of_an_older_form_is_refused(generator, tmp_path):
    (tmp_path / "claims.json").write_text("{}", encoding="utf-8")
    with pytest.raises(SystemExit, match="must be a list of claims but is a dict"):
        generator.claims_table([tmp_path / "claims.json"])
