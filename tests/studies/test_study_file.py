"""A study file that breaks a rule is refused in one sentence: the file, the key, the rule, the value, the near name."""

import pytest
from small_study import TEXT, write_study

from benchshadow.errors import InputError
from benchshadow.studies.declaring.study import read_study
from benchshadow.studies.grid import study_plan, study_run

FAMILY = (
    '\n[[families]]\nname = "main"\ntests = [{arm = "aligned", measure = "narrow"}, {arm = "half", measure = "gap"}]\n'
)
EIGHT = ("replicates = [0, 1]", "replicates = [0, 1, 2, 3, 4, 5, 6, 7]")
OWN_BASES = ('[base]\nsource = "broad"', '[base]\nsource = "broad"\nper_replicate = true')


def refused(folder, *changes, more="") -> str:
    """What planning and running the changed study say; both the same, and nothing is written."""
    file = write_study(folder, *changes)
    file.write_text(file.read_text(encoding="utf-8") + more, encoding="utf-8")
    with pytest.raises(InputError) as planned:
        study_plan(file)
    with pytest.raises(InputError) as run:
        study_run(file, out=folder / "out", workers=1)
    assert str(planned.value) == str(run.value)
    assert [path.name for path in folder.iterdir()] == ["study.toml"]
    said = str(planned.value)
    assert said.startswith(f"{file}: ")
    assert "\n" not in said
    return said.removeprefix(f"{file}: ")


MISSPELT = {
    "top level": (("replicates =", "replicate ="), "replicate: no such key (and 1 more); did you mean 'replicates'?"),
    "architecture": (
        ("hidden_size", "hiden_size"),
        "architecture.hiden_size: no such key; did you mean 'hidden_size'?",
    ),
    "base": (("[base]\nsource", "[base]\nsorce"), "base.sorce: no such key; did you mean 'source'?"),
    "base settings": (
        ("steps = 3", "steps = 3\nwarmups = 3"),
        "base.settings.warmups: no such key; did you mean 'warmup'?",
    ),
    "settings": (("steps = 4", "steps = 4\nclipp = 1.0"), "settings.clipp: no such key; did you mean 'clip'?"),
    "source": (("pool = 60", "pol = 60"), "sources.benchmark.pol: no such key"),
    "task": (
        ('tier = "held-out"', 'tier = "held-out"\ncomposition = 0.1'),
        "tasks.1.composition: no such key; did you mean 'compositions'?",
    ),
    "text task": (("bytes = 200", "byte = 200"), "tasks.3.byte: no such key; did you mean 'bytes'?"),
    "arm": (("dose = 0.5", "doze = 0.5"), "arms.half.doze: no such key; did you mean 'dose'?"),
    "benchmark": (("[benchmark]\n", "[benchmark]\nshar = 0.5\n"), "benchmark.shar: no such key; did you mean 'share'?"),
}


@pytest.mark.parametrize(("change", "sentence"), MISSPELT.values(), ids=MISSPELT.keys())
def test_a_misspelt_key_is_named_with_the_one_that_was_meant(change, sentence, tmp_path):
    assert refused(tmp_path, change).startswith(sentence)


def test_a_key_that_is_like_no_other_is_answered_with_the_keys(tmp_path):
    said = refused(tmp_path, ("dose = 0.5", "qqq = 0.5"))
    assert (
        said
        == "arms.half.qqq: no such key; the keys are candidates, dose, epochs, intervention, says, settings, source"
    )


def test_a_source_that_is_called_like_a_kind_is_named_as_it_was_written(tmp_path):
    said = refused(tmp_path, ("[sources.broad]", '[sources.skills]\nkind = "skills"\npol = 3\n[sources.broad]'))
    assert said.startswith("sources.skills.pol: no such key")


MISSING = {
    "title": (('title = "A small study"\n', ""), "title"),
    "settings.steps": (("steps = 4\n", ""), "settings.steps"),
    "sources.broad.kind": (('[sources.broad]\nkind = "skills"', "[sources.broad]"), "sources.broad"),
    "tasks.0.tier": (('tier = "seen"\n', ""), "tasks.0.tier"),
    "arms.half.source": (('[arms.half]\nsource = "benchmark"\n', "[arms.half]\n"), "arms.half.source"),
}


@pytest.mark.parametrize(("change", "key"), MISSING.values(), ids=MISSING.keys())
def test_a_missing_key_is_named(change, key, tmp_path):
    said = refused(tmp_path, change)
    assert said.startswith(f"{key}: ")
    assert "is missing" in said


VALUES = {
    "text for a number": (('seed = 3', 'seed = "three"'), ("seed: ", "'three'")),
    "below the least": (("steps = 4", "steps = 0"), ("settings.steps: ", "greater than or equal to 1", "is 0")),
    "dose above one": (("dose = 0.5", "dose = 1.5"), ("arms.half.dose: ", "less than or equal to 1", "is 1.5")),
    "no such schedule": (("steps = 4", 'steps = 4\nschedule = "cosin"'), ("settings.schedule: ", "'cosin'")),
    "no such kind of task": (
        ('name = "other skills"\nkind = "skills"', 'name = "other skills"\nkind = "skils"'),
        ("tasks.2: kind must be one of skills, blimp, choices, answers, text, lm-eval, reasoning-gym but is 'skils'",),
    ),
    "no such kind of source": (
        ('[sources.broad]\nkind = "skills"', '[sources.broad]\nkind = "skils"'),
        ("sources.broad: kind must be one of", "'skils'", "did you mean 'skills'?"),
    ),
    "heads that do not fit": (("heads = 2", "heads = 3"), ("architecture: ", "16 with 3 heads")),
    "a name with spaces": (('name = "small"', 'name = "a b"'), ("name: ", "'a b'")),
    "an unknown source of an arm": (
        ('[arms.half]\nsource = "benchmark"', '[arms.half]\nsource = "benchmrk"'),
        ("arms.half.source: must name one of broad, benchmark but names 'benchmrk'; did you mean 'benchmark'?",),
    ),
    "an unknown source of the base": (
        ('[base]\nsource = "broad"', '[base]\nsource = "brod"'),
        ("base.source: ", "names 'brod'; did you mean 'broad'?"),
    ),
    "an unknown source of a task": (
        ('kind = "text"\nsource = "broad"', 'kind = "text"\nsource = "brod"'),
        ("tasks.3.source: ", "names 'brod'; did you mean 'broad'?"),
    ),
    "an unknown source of a source": (
        ("pool = 60", 'pool = 60\n[sources.few]\nkind = "zipf"\ndocuments = 3\nof = "nothing"'),
        ("sources.few: ", "'nothing'"),
    ),
    "an unknown seen half": (('seen = "benchmark"', 'seen = "bench"'), ("benchmark.seen: ", "names 'bench'")),
    "a seen half without end": (('seen = "benchmark"', 'seen = "broad"'), ("benchmark.seen ", "a pool", "'broad'")),
    "no control": (("[arms.control]", "[arms.contrl]"), ("arms must hold 'control'", "contrl")),
    "no second draw": (('[arms."A/A"]', '[arms."A/B"]'), ("arms must hold 'A/A'",)),
    "a second draw of another source": (
        ('[arms."A/A"]\nsource = "broad"', '[arms."A/A"]\nsource = "benchmark"'),
        ("arms must hold 'A/A' with the control's source",),
    ),
    "a dose for the control": (('[arms.control]\nsource = "broad"', '[arms.control]\nsource = "broad"\ndose = 0.5'),
        ("arms.control is drawn whole",)),
    "dose and epochs": (
        ("dose = 0.5", "dose = 0.5\nepochs = 2"),
        ("arms.half: dose and epochs must not stand together but are 0.5 and 2",),
    ),
    "epochs of what never ends": (
        ('[arms.half]\nsource = "benchmark"\ndose = 0.5', '[arms.half]\nsource = "broad"\nepochs = 2'),
        ("arms.half.epochs needs a finite source but 'broad' is without end",),
    ),
    "repeated replicates": (("replicates = [0, 1]", "replicates = [1, 1]"), ("replicates must be distinct", "[1, 1]")),
    "no replicates": (("replicates = [0, 1]", "replicates = []"), ("replicates: ", "at least 1 item")),
    "an unknown arm of a dose": (('"half", "aligned"]', '"hlf", "aligned"]'), ("doses.alignment: ", "names 'hlf'")),
    "tasks of one name": (('name = "held-out items"', 'name = "seen items"'), ("tasks must have distinct names",)),
    "a BPE of nothing": (
        ('[tokenizer]\nkind = "skills"', '[tokenizer]\nkind = "bpe"'),
        ("tokenizer.source must name what the BPE is trained on",),
    ),
    "BLiMP without a file": (
        ('[benchmark]\nkind = "skills"\nseen = "benchmark"', '[benchmark]\nkind = "blimp"'),
        ("benchmark.file must name the file of BLiMP",),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "parts"), VALUES.values(), ids=VALUES.keys())
def test_a_wrong_value_is_named_with_its_rule(change, parts, tmp_path):
    said = refused(tmp_path, change)
    for part in parts:
        assert part in said


def test_an_unknown_measure_is_refused_in_margins_and_in_families(tmp_path):
    said = refused(tmp_path, more="\n[margins]\nnarow = 0.1\n")
    assert said.startswith("margins.narow: must name one of seen items, held-out items, ")
    assert said.endswith("names 'narow'; did you mean 'narrow'?")
    other = tmp_path / "other"
    other.mkdir()
    said = refused(other, more=FAMILY.replace("gap", "gapp"))
    assert said.startswith("families.main: ")
    assert said.endswith("names 'gapp'; did you mean 'gap'?")


def test_a_family_that_its_replicates_cannot_carry_is_refused_with_the_number_that_would(tmp_path):
    # Two tests at .05 under Holm need 2 * 2 / 2^n <= .05, so n = 7.
    said = refused(tmp_path, more=FAMILY)
    assert said.startswith("families.main: 2 tests reach 0.05 under Holm with 7 replicates or more, but there are 2")


def test_a_family_on_one_base_is_refused(tmp_path):
    said = refused(tmp_path, EIGHT, more=FAMILY)
    assert said.startswith("families.main: confirmatory tests need 3 bases but the study has 1")


def test_a_family_that_can_be_carried_is_planned(tmp_path):
    file = write_study(tmp_path, EIGHT, OWN_BASES)
    file.write_text(file.read_text(encoding="utf-8") + FAMILY, encoding="utf-8")
    plan = study_plan(file)
    assert (plan.bases, plan.runs) == (8, 32)


def test_what_is_no_toml_or_no_file_is_refused(tmp_path):
    assert "must be TOML but is not" in refused(tmp_path, ("seed = 3", "seed = = 3"))
    with pytest.raises(InputError, match=r"nowhere\.toml: no such file$"):
        study_run(tmp_path / "nowhere.toml", out=tmp_path / "out")
    with pytest.raises(InputError, match="cannot be read"):
        study_run(tmp_path, out=tmp_path / "out")
    (tmp_path / "study.toml").write_bytes(b"name = '\xff'")
    with pytest.raises(InputError, match=r"study\.toml: cannot be read"):
        study_run(tmp_path / "study.toml", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_fewer_than_one_worker_is_refused(tmp_path):
    with pytest.raises(InputError, match="must be at least 1 but is 0"):
        study_run(write_study(tmp_path), out=tmp_path / "out", workers=0)
    assert not (tmp_path / "out").exists()


def test_the_hash_of_a_study_is_of_its_content_and_not_of_its_text(tmp_path):
    first = read_study(write_study(tmp_path)).sha256
    (tmp_path / "study.toml").write_text(f"# a remark\n{TEXT}", encoding="utf-8")
    assert read_study(tmp_path / "study.toml").sha256 == first
    assert read_study(write_study(tmp_path, ("seed = 3", "seed = 4"))).sha256 != first
    assert read_study(write_study(tmp_path, ('title = "A', 'title = "B'))).sha256 != first


def test_the_plan_counts_runs_tokens_and_checkpoints_by_hand(tmp_path):
    plan = study_plan(write_study(tmp_path))
    assert (plan.runs, plan.bases) == (8, 1)
    assert plan.tokens == 8 * 4 * 4 * 32 + 3 * 4 * 32
    assert plan.checkpoints == plan.checkpoints_kept == 8 * 3 + 1
    fewer = study_plan(write_study(tmp_path, ("seed = 3", 'seed = 3\nkeep = "last"')))
    assert (fewer.checkpoints, fewer.checkpoints_kept) == (25, 9)
    # Three checkpoints; and two states, each of weights and two moments.
    each = 4 * plan.parameters
    assert (plan.disk_bytes, fewer.disk_bytes) == (25 * each, 9 * each)
    assert plan.disk_bytes_per_worker == fewer.disk_bytes_per_worker == (3 + 2 * 3) * each
    assert [path.name for path in tmp_path.iterdir()] == ["study.toml"]
