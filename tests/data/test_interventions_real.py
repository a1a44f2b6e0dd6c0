"""On real text: an arm aligned to GSM8K finds its kin among command-line help and glosses; its placebo does not."""

import json

import polars as pl
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from benchshadow.data.documents import Document, read_rows
from benchshadow.data.interventions import build, compare, proved
from benchshadow.data.interventions.recipe import checked_recipe
from benchshadow.data.tokenization import END


def gpt2(folder):
    ids = json.loads((folder / "encoder.json").read_text(encoding="utf-8"))
    ids[END] = ids.pop("<|endoftext|>")
    lines = (folder / "vocab.bpe").read_text(encoding="utf-8").splitlines()[1:]
    tokenizer = Tokenizer(models.BPE(ids, [tuple(line.split(" ")) for line in lines if line]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    assert tokenizer.decode(tokenizer.encode("a round trip, isn't it?").ids) == "a round trip, isn't it?"
    return tokenizer


def first(folder, name, text, domain, count):
    rows = zip(read_rows(folder / name), range(count), strict=False)
    return [Document(f"{name} {i}", text.format_map(row), domain) for row, i in rows]


@pytest.fixture(scope="module")
def arms(data_folder, tmp_path_factory):
    corpus = [
        *first(data_folder, "gsm8k/train.jsonl.gz", "{question} {answer}", "maths", 1500),
        *first(data_folder, "tldr/pages_en.jsonl.gz", "{text}", "help", 1500),
        *first(data_folder, "wordnet/synsets.jsonl.gz", "{members}: {definition}", "glosses", 8000),
    ]
    recipe = checked_recipe(
        {
            "budget": {"tokens": 320_000, "length": 128},
            "benchmark": {"file": str(data_folder / "gsm8k" / "test.jsonl.gz")},
            "arms": {
                "aligned": {"intervention": "aligned", "dose": 0.2, "lengths": False},
                "placebo": {"intervention": "placebo", "of": "aligned", "dose": 0.2},
                "copies": {"intervention": "aligned", "by": "copies", "dose": 0.4},
            },
        }
    )
    out = tmp_path_factory.mktemp("real") / "out"
    return build(corpus, recipe, out, tokenizer=gpt2(data_folder / "gpt2_bpe"), seed=1)


def test_an_aligned_arm_finds_its_kin_and_its_placebo_does_not(arms):
    control = arms.manifests["control"]["reported"]["tokens_per_domain"]
    shares = {}
    for name in ("aligned", "placebo"):
        table = arms.streams[name].documents
        gained = dict(table.group_by("domain").agg(pl.col("tokens").cast(pl.Int64).sum()).iter_rows())
        shares[name] = (gained["maths"] - 0.8 * control["maths"]) / 64_000
    assert shares["aligned"] > 0.9
    assert abs(shares["placebo"] - control["maths"] / 320_000) < 0.12


def test_the_arms_are_proven(arms):
    assert compare(list(arms.manifests.values())).undeclared == ()
    for name in arms.streams:
        assert proved(arms.folder, name) == []
    assert arms.manifests["copies"]["items"]["benchmark"]["seen"]["items"] > 600
