"""A study with probes, from its file to its claims and its page, and probes that are refused before anything runs."""

import numpy as np
import polars as pl
import pytest
from small_study import write_study

from benchshadow.data.tokenization import load_tokenizer
from benchshadow.errors import InputError
from benchshadow.records import read, read_json, seal, write_json
from benchshadow.studies.declaring.measures import measures
from benchshadow.studies.declaring.study import read_study
from benchshadow.studies.grid import study_run
from benchshadow.studies.preparing.suite import suite
from benchshadow.studies.running.probing import due, probe_account, probe_texts, probed
from benchshadow.studies.running.runs import plan_runs
from benchshadow.studies.running.verification import verify

PROBES = """
[probes]
narrow = "held-out items"
broad = "broad"
texts = 24
tokens = 16
"""
ADDED = [
    "rankme_last", "rankme_mean", "cka_last", "cka_mean", "gradient_rank", "gradient_rank_even", "kl_narrow",
    "kl_broad", "min_k_auroc",
]  # fmt: skip
SIDES = "seen items", "held-out items"
ONE = ("replicates = [0, 1]", "replicates = [0]")


def asked(folder, *changes, text=PROBES):
    end = '[doses]\nalignment = ["control", "half", "aligned"]\n'
    return write_study(folder, (end, end + text), ("items = 8", "items = 12"), *changes)


@pytest.fixture(scope="module")
def probing(tmp_path_factory):
    folder = tmp_path_factory.mktemp("probing")
    file = asked(folder, ONE, text=PROBES + 'every = "all"\n')
    done = study_run(file, out=folder / "out", workers=1)
    assert done.failed == {}
    return file, done


@pytest.fixture(scope="module")
def every(probing):
    """What the probes found at every checkpoint."""
    found = read(probing[1].folder / "runs")
    return found.filter(pl.col("of").is_in(["activations", "behaviour"]), pl.col("diagnostic") != "training_loss")


@pytest.fixture(scope="module")
def rows(every):
    """What they found of the base and at the last step."""
    return every.filter(pl.col("step").is_in([0, 4]))


def one(rows, arm, diagnostic, **place):
    found = rows.filter(pl.col("arm") == arm, pl.col("diagnostic") == diagnostic)
    for column, value in place.items():
        found = found.filter(pl.col(column) == value)
    return found.row(0, named=True) if len(found) == 1 else pytest.fail(f"{diagnostic}: {len(found)} rows")


def test_a_task_is_probed_without_the_examples_before_its_items(tmp_path):
    changes = ONE, ("pool = 60", "pool = 400")
    bare = read_study(asked(tmp_path, *changes))
    shown = [
        (f'name = "{name}"\nkind = "skills"\n', f'name = "{name}"\nkind = "skills"\nshots = 3\n') for name in SIDES
    ]
    dressed = read_study(asked(tmp_path, *changes, *shown))
    prompts = [len(task.items[0].prompt) for study in (bare, dressed) for task in suite(study, 0).tasks[:2]]
    assert prompts[2] > 2 * prompts[0]
    assert prompts[3] > 2 * prompts[1]
    one, two = (probe_texts(study, suite(study, 0), 0) for study in (bare, dressed))
    assert {probe.kind for probe in one.texts} == {"narrow", "broad", "seen", "held-out"}
    assert one == two


def test_the_base_and_every_checkpoint_are_probed_and_no_row_stands_twice(every):
    arms = [(arm, step) for arm in ("control", "A/A", "aligned", "half") for step in (1, 2, 4)]
    assert set(every.select("arm", "step").unique().rows()) == {("base", 0), *arms}
    where = ["run", "step", "of", "benchmark", "split", "layer", "side", "diagnostic"]
    assert every.group_by(where).len().filter(pl.col("len") > 1).rows() == []


def test_arms_move_away_from_the_base_as_they_are_trained(every):
    found = every.filter(pl.col("diagnostic") == "kl_from_base", pl.col("split") == "broad").sort("step")
    for arm in ("control", "aligned"):
        first, *_, last = found.filter(pl.col("arm") == arm)["value"].to_list()
        assert 0 < first < last


def test_states_are_told_by_layer_pooling_and_probe_with_their_number(rows):
    found = rows.filter(pl.col("arm") == "aligned", pl.col("diagnostic") == "rankme")
    assert set(found.select("split", "benchmark", "layer", "depth", "side", "items").rows()) == {
        (split, name, layer, float(layer), side, items)
        for split, name, items in (("narrow", "held-out items", 12), ("broad", "broad", 24))
        for layer in (0, 1)
        for side in ("last", "mean")
    }
    assert found["value"].is_between(1, 16).all()
    for side in ("last", "mean"):
        mean = one(rows, "aligned", f"mean_rankme_{side}", split="broad")
        layers = found.filter(pl.col("split") == "broad", pl.col("side") == side)["value"].to_numpy()
        assert mean["value"] == pytest.approx(layers.mean())
    assert "24 texts of at most 16 tokens" in found.filter(pl.col("split") == "broad")["method"][0]
    assert mean["value"] < mean["null_random"] < 16


def test_what_is_undefined_says_why(rows):
    without = rows.filter(pl.col("value").is_null())
    assert set(without["diagnostic"].unique()) <= {
        "decay_exponent",
        "mean_decay_exponent_last",
        "mean_decay_exponent_mean",
    }
    assert (without["method"] == "undefined: too few texts or dimensions for a fit").all()
    assert len(without.filter(pl.col("split") == "narrow"))
    whole = rows.filter(pl.col("diagnostic") == "decay_exponent", pl.col("split") == "broad")
    assert whole["method"].str.contains("ranks 3 to 8").all()


def test_the_base_is_compared_with_nothing_and_arms_with_the_base(rows):
    base = rows.filter(pl.col("arm") == "base")
    assert {"rankme", "gradient_rank", "min_k_auroc", "probe_log_probability"} <= set(base["diagnostic"])
    assert not base["diagnostic"].str.contains("cka|kl").any()
    for arm in ("control", "aligned"):
        assert 0 < one(rows, arm, "cka", split="broad", layer=1, side="last")["value"] < 1
        found = one(rows, arm, "kl_from_base", split="narrow")
        assert 0 < found["error_bound"] < found["value"] * 2
        assert found["unit"] == "nats/token"
        assert one(rows, arm, "kl_from_base_on_answers", split="narrow")["value"] > 0
    assert rows.filter(pl.col("diagnostic") == "kl_from_base_on_answers", pl.col("split") == "broad").is_empty()


def test_membership_has_its_interval_and_what_it_is_against(rows):
    found = one(rows, "aligned", "min_k_auroc")
    assert (found["benchmark"], found["tier"], found["split"], found["items"]) == ("seen items", "seen", "seen", 24)
    assert 0 <= found["value"] <= 1
    assert found["error_bound"] > 0
    assert "against 'held-out items'" in found["method"]


def test_the_numbers_are_those_of_probing_the_checkpoint_again(probing, rows):
    from benchshadow.train import checkpoint_folder
    from benchshadow.train.model import load

    file, done = probing
    study = read_study(file)
    _, runs = plan_runs(study)
    run = next(each for each in runs if each.arm == "aligned")
    base = done.folder / "bases" / run.base.name
    model = load(checkpoint_folder(done.folder / "runs" / run.name, 4))
    before = load(checkpoint_folder(base, 3))
    drawn = probe_texts(study, suite(study, 0), 0)
    again = probed(model, before, load_tokenizer(base / "tokenizer.json"), drawn)
    kept = rows.filter(pl.col("arm") == "aligned")
    assert [row["value"] for row in again] == kept["value"].to_list()
    assert [row["diagnostic"] for row in again] == kept["diagnostic"].to_list()


def test_all_arms_of_a_replicate_see_the_same_texts_and_the_manifest_says_so(probing):
    file, done = probing
    study = read_study(file)
    account = probe_account(probe_texts(study, suite(study, 0), 0))
    assert [(each["kind"], each["of"], each["texts"]) for each in account] == [
        ("narrow", "held-out items", 12),
        ("broad", "broad", 24),
        ("seen", "seen items", 12),
        ("held-out", "held-out items", 12),
    ]
    folders = sorted(path for path in (done.folder / "runs").iterdir() if path.is_dir())
    assert len(folders) == 4
    assert all(read_json(folder / "manifest.json")["probes"] == account for folder in folders)
    told = verify(folders)
    assert told.undeclared == ()
    assert probe_account(probe_texts(study, suite(study, 1), 1)) != account


def test_a_manifest_whose_probes_were_altered_contradicts_its_study(probing, tmp_path):
    runs = sorted(path for path in (probing[1].folder / "runs").iterdir() if path.is_dir())
    manifest = read_json(runs[0] / "manifest.json")
    for number, (at, key, value) in enumerate([(0, "of", "broad"), (1, "kind", "narrow"), (1, "settings", None)]):
        probes = [dict(each) for each in manifest["probes"]]
        probes[at][key] = value
        file = tmp_path / f"{number}.json"
        write_json(file, seal({**manifest, "probes": probes}))
        fields = {each.field for each in verify([runs[0], file]).undeclared}
        assert any(field.startswith(f"probes.{at}.{key}") for field in fields)


def test_probes_are_in_the_measurement_key_and_in_no_training_key(tmp_path):
    keys = []
    for name, text in (("a", ""), ("b", PROBES), ("c", PROBES.replace("texts = 24", "texts = 25"))):
        (tmp_path / name).mkdir()
        _, runs = plan_runs(read_study(asked(tmp_path / name, ONE, text=text)))
        keys.append([(run.key, run.measurement) for run in runs])
    for first, second, third in zip(*keys, strict=True):
        assert first[0] == second[0] == third[0]
        assert len({first[1], second[1], third[1]}) == 3


def test_measures_are_there_where_they_are_asked_for(tmp_path):
    for text, names in (
        (PROBES, ADDED),
        (PROBES + "gradients = false\nbehaviour = false\n", ADDED[:4]),
        (PROBES + "representation = false\n", ADDED[4:]),
        ("", []),
    ):
        found = measures(read_study(asked(tmp_path, text=text)))
        assert [each.name for each in found if each.kind in ("representation", "behaviour")] == names


def test_claims_and_the_table_hold_them(probing):
    claims = read_json(probing[1].folder / "claims.json")
    table = {(row["arm"], row["measure"]): row for row in probing[1].summary["table"]}
    for name in ADDED:
        (claim,) = [c for c in claims if (c["arm"], c["measure"], c["at"]) == ("aligned", name, "last step")]
        difference = table["aligned", name]["mean"] - table["control", name]["mean"]
        assert claim["effect"] == pytest.approx(difference)
        assert (("base", name) in table) == (name[:3] not in ("cka", "kl_"))
        (equal,) = [c for c in claims if (c["arm"], c["measure"], c["at"]) == ("half", name, "equal relative change")]
        assert equal["comparable"]


def test_the_page_shows_them(probing):
    from benchshadow.report.study_page import study_page

    page = study_page(probing[1].folder)
    (section,) = [each for each in page.sections if each.name == "probes"]
    titles = [column.title for block in section.blocks if block.kind == "table" for column in block.columns]
    assert {"RankMe, last token", "CKA with the base, mean of tokens", "KL, narrow", "Min-k% AUROC"} <= set(titles)


def test_the_last_checkpoint_alone_is_probed_where_nothing_else_is_asked_for(tmp_path, probing):
    study = read_study(probing[0])
    drawn = probe_texts(study, suite(study, 0), 0)
    assert all(due(drawn, step, 4) is drawn for step in (0, 1, 2, 4))
    study = read_study(asked(tmp_path))
    drawn = probe_texts(study, suite(study, 0), 0)
    assert [due(drawn, step, 4) is drawn for step in (0, 1, 2, 4)] == [True, False, False, True]
    assert due(None, 4, 4) is None


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('narrow = "held-out items"', 'narrow = "held-out item"', "did you mean 'held-out items'?"),
        ('broad = "broad"', 'broad = "held-out items"', "must be two probes but both are 'held-out items'"),
        ("tokens = 16", "tokens = 16\nlayers = [0, 2]", "must be from 0 to 1 in a model of 2 but holds 2"),
        ("tokens = 16", "tokens = 16\nlayers = []", "must be 'all' or blocks counted from zero but is []"),
        ("tokens = 16", "token = 16", "did you mean 'tokens'?"),
        ("texts = 24", "texts = 3", "greater than or equal to 4"),
        (
            "texts = 24",
            "representation = false\ngradients = false\nbehaviour = false",
            "one of representation, gradients and behaviour must be true but none is",
        ),
    ],
)
def test_what_cannot_be_probed_is_refused_in_the_file(tmp_path, old, new, sentence):
    with pytest.raises(InputError) as error:
        read_study(asked(tmp_path, text=PROBES.replace(old, new)))
    assert sentence in str(error.value)
    assert "probes" in str(error.value)


def test_a_probe_of_too_few_texts_is_refused_before_anything_runs(tmp_path):
    study = read_study(asked(tmp_path, ("items = 12", "items = 3")))
    with pytest.raises(InputError, match=r"probes.narrow: must give at least 4 texts but 'held-out items' gives 3"):
        plan_runs(study)


def test_chosen_layers_alone_are_looked_at(tmp_path, probing):
    from benchshadow.data.tokenization import skills_tokenizer
    from benchshadow.train import Architecture
    from benchshadow.train.model import new

    study = read_study(asked(tmp_path, text=PROBES + "layers = [1]\n"))
    shape = Architecture(hidden_size=16, intermediate_size=24, layers=2, heads=2)
    tokenizer = skills_tokenizer()
    model = new(shape, vocabulary=tokenizer.get_vocab_size(), positions=32, seed=0)
    found = probed(model, model, tokenizer, probe_texts(study, suite(study, 0), 0))
    assert {row["layer"] for row in found if row.get("layer") is not None} == {1}
    likeness = [row["value"] for row in found if row["diagnostic"] == "mean_cka_debiased_mean"]
    np.testing.assert_allclose(likeness, 1, rtol=1e-9)
    assert all(row["value"] == 0 for row in found if row["diagnostic"].startswith("kl_"))
