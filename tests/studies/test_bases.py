"""A base is trained once and known afterwards, or a checkpoint that fits; arms may train factors beside it."""

import json
import os
import shutil
from pathlib import Path

import polars as pl
import pytest
from small_study import ARCHITECTURE, BASE, write_study

from benchshadow.data.tokenization import END, load_tokenizer, skills_tokenizer
from benchshadow.errors import InputError
from benchshadow.records import read_json, write_json
from benchshadow.studies.declaring.study import read_study
from benchshadow.studies.grid import study_plan, study_run
from benchshadow.studies.preparing import known_bases
from benchshadow.studies.running.runs import plan_runs
from benchshadow.studies.running.verification import verify
from benchshadow.train import Architecture, loop
from benchshadow.train.model import load, new, save, weights_sha256

FEW = ('[arms.aligned]\nsource = "benchmark"\ndose = 1.0\n', ""), ('"half", "aligned"', '"half"')
ONE = ("replicates = [0, 1]", "replicates = [0]")


def folder_of(out, kind, name):
    (found,) = (out / kind).glob(f"{name}.*[0-9a-f]/")
    return found


def run(folder, *changes, name="out"):
    file = write_study(folder, *FEW, ONE, *changes)
    done = study_run(file, out=folder / name, workers=1)
    assert done.failed == {}
    return done.folder


def stranger(folder, vocabulary=64, positions=64, eos="</s>"):
    """A checkpoint from elsewhere, with a tokenizer of its own whose end token has another name."""
    words = {"family": "gpt2", "config": {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": positions}}
    save(new(Architecture.model_validate(words), vocabulary=vocabulary, positions=positions, seed=4), folder)
    content = json.loads(skills_tokenizer().to_str())
    vocab = content["model"]["vocab"]
    symbols = [symbol for symbol in vocab if symbol != END]
    content["model"]["vocab"] = {symbol: number for number, symbol in enumerate([*symbols, eos])}
    content["added_tokens"] = [
        {"id": len(symbols), "content": eos, "single_word": False, "lstrip": False, "rstrip": False,
         "normalized": False, "special": True}
    ]  # fmt: skip
    (folder / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": eos}), encoding="utf-8")
    return folder


def taken(checkpoint: Path, kind="checkpoint"):
    return (
        (BASE, f'[base]\ncheckpoint = "{checkpoint}"\n'),
        (ARCHITECTURE, ""),
        ('[tokenizer]\nkind = "skills"', f'[tokenizer]\nkind = "{kind}"'),
    )


def test_a_checkpoint_from_elsewhere_is_the_base_of_every_arm(tmp_path):
    checkpoint = stranger(
        tmp_path / "stranger", vocabulary=len(json.loads(skills_tokenizer().to_str())["model"]["vocab"])
    )
    out = run(tmp_path, *taken(checkpoint))
    base = folder_of(out, "bases", "base.0")
    assert weights_sha256(load(base / "checkpoints" / "step-000000")) == weights_sha256(load(checkpoint))
    tokenizer = load_tokenizer(base / "tokenizer.json")
    assert tokenizer.token_to_id("</s>") is None
    assert tokenizer.token_to_id(END) == load_tokenizer(checkpoint / "tokenizer.json").token_to_id("</s>")
    control = read_json(folder_of(out, "runs", "control.0") / "manifest.json")
    assert control["base"]["weights_sha256"] == weights_sha256(load(checkpoint))
    assert control["architecture"] is None
    records = pl.read_parquet(folder_of(out, "runs", "half.0") / "records.parquet")
    assert records.filter(pl.col("of") == "change")["value"].drop_nulls().len() > 0
    found = verify([folder_of(out, "runs", arm) for arm in ("control.0", "half.0")])
    assert found.undeclared == ()
    assert study_plan(tmp_path / "study.toml").parameters > 0


def test_another_content_of_the_checkpoint_is_another_key(tmp_path):
    checkpoint = stranger(tmp_path / "stranger")
    study = read_study(write_study(tmp_path, *FEW, ONE, *taken(checkpoint)))
    before = plan_runs(study)[0][0].key
    assert plan_runs(study)[0][0].key == before
    stranger(checkpoint, eos="<end>")
    assert plan_runs(study)[0][0].key != before


def test_a_base_of_another_study_serves_with_its_tokenizer(tmp_path):
    first = run(tmp_path)
    checkpoint = folder_of(first, "bases", "base.0") / "checkpoints" / "step-000003"
    (tmp_path / "next").mkdir()
    second = run(tmp_path / "next", *taken(checkpoint))
    bases = [folder_of(out, "bases", "base.0") for out in (first, second)]
    one, two = (load_tokenizer(base / "tokenizer.json").to_str() for base in bases)
    assert one == two


REFUSED = {
    "vocabulary": (
        {"vocabulary": 8},
        r"must have a row for every id of its tokenizer, 0 to \d+, but has a vocabulary of 8; name",
    ),
    "positions": ({"positions": 16}, "must have positions for sequences of 32 tokens but has 16"),
}


@pytest.mark.parametrize(("given", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_a_checkpoint_that_does_not_fit_is_refused_before_anything_runs(given, said, tmp_path):
    checkpoint = stranger(tmp_path / "stranger", **{"vocabulary": 90, **given})
    file = write_study(tmp_path, *FEW, ONE, *taken(checkpoint))
    with pytest.raises(InputError, match=said) as caught:
        study_run(file, out=tmp_path / "out", workers=1)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_checkpoint_that_has_not_the_studys_vocabulary_is_refused_before_anything_runs(tmp_path):
    checkpoint = stranger(tmp_path / "stranger", vocabulary=90)
    file = write_study(tmp_path, *FEW, ONE, *taken(checkpoint, kind="skills"))
    with pytest.raises(InputError, match=r"vocabulary of the study's tokenizer, \d+ tokens, but has 90; set tokenizer"):
        study_run(file, out=tmp_path / "out", workers=1)
    assert not (tmp_path / "out").exists()


def test_a_checkpoint_without_a_tokenizer_or_an_end_is_refused(tmp_path):
    checkpoint = stranger(tmp_path / "stranger", vocabulary=90)
    file = write_study(tmp_path, *FEW, ONE, *taken(checkpoint))
    (checkpoint / "tokenizer_config.json").unlink()
    write_json(checkpoint / "config.json", {**read_json(checkpoint / "config.json"), "eos_token_id": None})
    with pytest.raises(InputError, match="must know the token that ends a text, eos_token, but it is "):
        study_run(file, out=tmp_path / "out", workers=1)
    (checkpoint / "tokenizer.json").unlink()
    with pytest.raises(InputError, match=r"must hold tokenizer\.json for tokenizer\.kind = 'checkpoint' but does not"):
        study_run(file, out=tmp_path / "out", workers=1)


FILES = {
    "both": (
        (BASE, BASE.replace("[base]", '[base]\ncheckpoint = "x"')),
        "source and checkpoint must not stand together",
    ),
    "neither": (
        (BASE, "[base]\nper_replicate = false\n"),
        "source must be given but is missing, and so is a checkpoint",
    ),
    "architecture": ((BASE, '[base]\ncheckpoint = "x"\n'), "architecture and base.checkpoint must not stand together"),
    "no architecture": ((ARCHITECTURE, ""), "architecture must be given but is missing, and so is a base.checkpoint"),
    "tokenizer": (('kind = "skills"\n\n[arch', 'kind = "checkpoint"\n\n[arch'), "base.checkpoint must name one but"),
    "number": (
        (BASE, '[base]\ncheckpoint = ["x", "y"]\n'),
        "number must be that of the checkpoints, 2, but is number = 1",
    ),
}


@pytest.mark.parametrize(("change", "said"), FILES.values(), ids=FILES.keys())
def test_a_base_has_one_origin(change, said, tmp_path):
    with pytest.raises(InputError, match=said):
        read_study(write_study(tmp_path, change))


@pytest.mark.parametrize(
    ("architecture", "said"),
    [
        ('family = "gptt2"', "architecture.family: must be the model_type of .* is 'gptt2'; did you mean 'gpt2'?"),
        ('family = "gpt2"\nconfig = { n_lyer = 2 }', "architecture.config.n_lyer: no such key .* 'n_layer'?"),
    ],
)
def test_a_family_or_a_word_that_nobody_knows_is_refused_before_anything_runs(architecture, said, tmp_path):
    file = write_study(tmp_path, (ARCHITECTURE, f"[architecture]\n{architecture}\n"))
    with pytest.raises(InputError, match=said):
        study_run(file, out=tmp_path / "out", workers=1)
    assert not (tmp_path / "out").exists()


def trainings(monkeypatch):
    """Names of the folders that are trained in from now on."""
    trained, real = [], loop.train

    def train(*given, **options):
        trained.append(given[3].name)
        return real(*given, **options)

    monkeypatch.setattr(loop, "train", train)
    return trained


def test_a_base_of_a_known_key_is_taken_over_to_the_bit(tmp_path, monkeypatch):
    first = run(tmp_path)
    (tmp_path / "next").mkdir()
    trained = trainings(monkeypatch)
    second = run(tmp_path / "next", ('name = "small"', 'name = "next"'))
    assert sorted(name.partition(".")[0] for name in trained) == ["A-A", "control", "half"]
    one, two = (folder_of(out, "bases", "base.0") for out in (first, second))
    for file in ("tokenizer.json", "losses.parquet", "checkpoints/step-000003/model.safetensors"):
        assert (one / file).read_bytes() == (two / file).read_bytes()
    assert read_json(two / "manifest.json")["study"]["name"] == "next"
    assert read_json(two / "manifest.json")["results"] == read_json(one / "manifest.json")["results"]


def spoil(base, how):
    manifest = base / "manifest.json"
    if how == "gone":
        shutil.rmtree(base)
    elif how == "altered manifest":
        write_json(manifest, {**read_json(manifest), "replicate": 7})
    elif how == "other weights":
        place = base / "checkpoints" / "step-000003"
        model = load(place)
        model.lm_head.weight.data[0, 0] += 1
        shutil.rmtree(place)
        save(model, place)
    elif how == "other tokenizer":
        file = base / "tokenizer.json"
        text = file.read_text(encoding="utf-8") + " "
        file.unlink()
        file.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("how", ["gone", "altered manifest", "other weights", "other tokenizer"])
def test_a_known_base_that_is_not_what_it_was_is_trained_again(how, tmp_path):
    first = run(tmp_path)
    whole = read_json(folder_of(first, "bases", "base.0") / "manifest.json")
    spoil(folder_of(first, "bases", "base.0"), how)
    second = run(tmp_path, name="again")
    assert read_json(folder_of(second, "bases", "base.0") / "manifest.json") == whole


class Killed(BaseException):
    """As a kill, it is no error that anything catches."""


def kill_at_call(patch, owner, name, call):
    real, calls = getattr(owner, name), iter(range(1, 1000))

    def function(*given, **options):
        if next(calls) == call:
            raise Killed
        return real(*given, **options)

    patch.setattr(owner, name, function)


@pytest.mark.parametrize(("owner", "name", "call"), [(os, "link", 2), (known_bases, "write_json", 1)])
def test_a_kill_while_a_known_base_is_taken_costs_no_training(owner, name, call, tmp_path, monkeypatch):
    first = run(tmp_path)
    with monkeypatch.context() as patch:
        kill_at_call(patch, owner, name, call)
        with pytest.raises(Killed):
            run(tmp_path, name="again")
    trained = trainings(monkeypatch)
    second = run(tmp_path, name="again")
    assert [each for each in trained if each.startswith("base")] == []
    one, two = (folder_of(out, "bases", "base.0") for out in (first, second))
    assert [path.relative_to(one) for path in sorted(one.rglob("*"))] == [
        path.relative_to(two) for path in sorted(two.rglob("*"))
    ]
    assert read_json(two / "manifest.json") == read_json(one / "manifest.json")


def test_a_file_that_a_kill_cut_while_a_known_base_was_copied_is_not_used(tmp_path, monkeypatch):
    first = folder_of(run(tmp_path), "bases", "base.0")
    whole = read_json(first / "manifest.json")

    def no_link(*_):
        raise OSError("across file systems")

    def cut(file, place):
        Path(place).write_bytes(Path(file).read_bytes()[:10])
        if Path(file).name == "tokenizer.json":
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", no_link)
        patch.setattr(shutil, "copyfile", cut)
        with pytest.raises(Killed):
            run(tmp_path, name="again")
    shutil.rmtree(first)
    second = folder_of(run(tmp_path, name="again"), "bases", "base.0")
    assert read_json(second / "manifest.json") == whole
    assert [path.name for path in second.iterdir() if path.name.startswith(".")] == []


ADAPTER = ("[base]\n", '[adapter]\nrank = 2\nalpha = 4\ndropout = 0.1\ntargets = ["q_proj", "up_proj"]\n[base]\n')


def test_arms_that_train_factors_are_scored_measured_and_verified(tmp_path):
    out = run(tmp_path, ADAPTER)
    half = folder_of(out, "runs", "half.0")
    assert sorted(path.name for path in (half / "checkpoints" / "step-000004").iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
    manifest = read_json(half / "manifest.json")
    assert manifest["adapter"]["rank"] == 2
    assert "peft" in manifest["environment"]["libraries"]
    records = pl.read_parquet(half / "records.parquet").filter(pl.col("step") == 4)
    changed = records.filter(pl.col("of") == "change", pl.col("diagnostic") == "relative_change", pl.col("value") > 0)
    assert set(changed["role"]) == {"attention.query", "mlp.up"}
    ranks = records.filter(pl.col("of") == "change", pl.col("diagnostic") == "stable_rank")["value"].drop_nulls()
    assert len(ranks) > 0
    assert ranks.max() <= 2 + 1e-6
    assert verify([half, folder_of(out, "runs", "control.0")]).undeclared == ()
    again = tmp_path / "again"
    shutil.copytree(out, again)
    shutil.rmtree(folder_of(again, "runs", "half.0"))
    study_run(tmp_path / "study.toml", out=again, workers=1)
    assert read_json(folder_of(again, "runs", "half.0") / "manifest.json") == manifest


def test_an_adapter_is_in_the_key_of_arms_and_not_of_bases(tmp_path):
    whole, factors = (plan_runs(read_study(write_study(tmp_path, *change))) for change in ([], [ADAPTER]))
    assert [run.key for run in whole[0]] == [run.key for run in factors[0]]
    assert not {run.key for run in whole[1]} & {run.key for run in factors[1]}
