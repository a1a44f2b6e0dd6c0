"""A local model rewrites documents: greedily, the same again, alone as in a batch, and told by what it holds."""

from __future__ import annotations

import json
import shutil

import pytest

from benchshadow.data.documents import Document
from benchshadow.data.interventions import FromModel
from benchshadow.data.tokenization import save_tokenizer, train_bpe
from benchshadow.errors import InputError
from benchshadow.studies.audits.intervening import intervene
from benchshadow.studies.preparing.model_rewriter import ModelRewriter
from benchshadow.studies.running.verification import verify
from benchshadow.train import Architecture
from benchshadow.train.model import new, save

TEXTS = [f"Sentence {k} tells of the matter {k * 37 % 101} at some length." for k in range(40)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny model with random weights and a tokenizer: what it writes is nonsense, but always the same."""
    place = tmp_path_factory.mktemp("rewriter") / "model"
    tokenizer = train_bpe(TEXTS, 320)
    model = new(
        Architecture(hidden_size=32, intermediate_size=64, layers=2, heads=2),
        vocabulary=tokenizer.get_vocab_size(),
        positions=96,
        seed=3,
    )
    save(model, place)
    save_tokenizer(tokenizer, place / "tokenizer.json")
    return place


def documents(*texts):
    return [Document(f"doc {k}", text, "") for k, text in enumerate(texts)]


def settings(folder, **more):
    return FromModel(kind="model", path=str(folder), prompt="Rewrite: {text}\n", most_tokens=6, **more)


def by_hand(folder, text):
    """The likeliest token, six times, one forward pass each, without a cache or padding."""
    import torch

    from benchshadow.data.tokenization import load_tokenizer
    from benchshadow.train.model import load

    model, tokenizer = load(folder).eval(), load_tokenizer(folder / "tokenizer.json")
    ids = tokenizer.encode(f"Rewrite: {text}\n").ids
    begun = len(ids)
    with torch.inference_mode():
        for _ in range(6):
            following = int(model(torch.tensor([ids])).logits[0, -1].argmax())
            if following == model.config.eos_token_id:
                break
            ids.append(following)
    return tokenizer.decode(ids[begun:]).strip()


def test_a_batch_gives_what_the_likeliest_tokens_by_hand_give(folder):
    some = documents("short", TEXTS[3], "a text of another length, somewhat", TEXTS[3])
    found = ModelRewriter(settings(folder, batch=3))(some, 0)
    assert found == [by_hand(folder, each.text) for each in some]
    assert found == ModelRewriter(settings(folder, batch=1))(some, 0)
    assert len(set(found)) > 1


def test_a_version_changes_the_prompt(folder):
    told = FromModel(kind="model", path=str(folder), prompt="Way {version}: {text}", most_tokens=6)
    rewriter = ModelRewriter(told)
    assert rewriter(documents(*TEXTS[:4]), 0) != rewriter(documents(*TEXTS[:4]), 1)


def test_a_text_that_leaves_no_room_is_named(folder):
    with pytest.raises(InputError, match=r"doc 1: must have 1 to 96 tokens with its prompt and 6 to be written"):
        ModelRewriter(settings(folder))(documents("short", " ".join(TEXTS)), 0)


def test_what_it_is_called_is_what_its_files_hold(folder, tmp_path):
    same, other = (shutil.copytree(folder, tmp_path / name) for name in ("same", "other"))
    weights = other / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    names = [ModelRewriter(settings(each)).identity for each in (folder, same, other)]
    assert names[0] == names[1] != names[2]
    (same / "tokenizer.json").unlink()
    with pytest.raises(InputError, match=r"must hold a model that rewrites but has no tokenizer.json"):
        _ = ModelRewriter(settings(same)).identity


def test_arms_are_rewritten_by_it_and_told_by_its_hash(folder, tmp_path):
    corpus, recipe = tmp_path / "corpus.jsonl", tmp_path / "recipe.toml"
    corpus.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS * 2))
    arm = f'rewriter = {{kind = "model", path = "{folder}", most_tokens = 8}}\ndose = 0.1\n'
    recipe.write_text(
        "[budget]\ntokens = 320\nlength = 16\n"
        f'[arms.said]\nintervention = "normalised"\n{arm}'
        '[arms.once]\nintervention = "deduplicated"\nby = "meaning"\nthreshold = 0.9\nclusters = 4\ndose = 0.1\n'
    )
    done = intervene([corpus], recipe, out=tmp_path / "out", vocabulary=320)
    assert [each["arm"] for each in done["arms"]] == ["control", "said", "once"]
    manifests = [json.loads((tmp_path / "out/arms" / name / "manifest.json").read_text()) for name in ("said", "once")]
    assert all(each["tools"]["rewriter of said"].startswith("model ") for each in manifests)
    assert manifests[0]["written"]["documents"] > 0
    assert manifests[1]["reported"]["pairs"]["removed"] >= 40  # every text stands twice
    assert (tmp_path / "out/arms/once/pairs.parquet").is_file()
    assert verify(sorted((tmp_path / "out/arms").iterdir())).undeclared == ()
