"""Arms of a recipe: one budget, the control's bits outside the treated sequences, and a proof that sees changes."""

import copy
import json
import re
import resource
import sys
from collections import Counter

import numpy as np
import polars as pl
import pytest
from data_samples import seeded, two_processes

from benchshadow.data.documents import Document
from benchshadow.data.interventions import Tools, build, compare, proved
from benchshadow.data.interventions.comparing import FIELDS
from benchshadow.data.interventions.recipe import checked_recipe, read_recipe
from benchshadow.data.packing import PackedStream
from benchshadow.data.tokenization import encode, end_token, train_bpe
from benchshadow.errors import InputError
from benchshadow.records import differing, read_json, seal

TEXT = "grey cats sat on old mats while dogs ran home and nobody knew why it rained so"
WORDS = TEXT.split()
TOKENIZER = train_bpe([TEXT * 3], 320)

RECIPE = """
[budget]
tokens = 6400
length = 32

[benchmark]
file = "{folder}/items.jsonl"

[sources.other]
file = "{folder}/other.jsonl"
seen = 1.0
licence = "MIT"
origin = "made up"

[corpus]
licence = "CC0"

[arms.aligned]
intervention = "aligned"
dose = 0.25

[arms.placebo]
intervention = "placebo"
of = "aligned"
dose = 0.25

[arms.off-target]
intervention = "off-target"
of = "aligned"
source = "other"
dose = 0.25

[arms.copies]
intervention = "aligned"
by = "copies"
copies = 4
dose = 0.25

[arms.shuffled]
intervention = "format-only"
of = "copies"
dose = 0.25

[arms.narrow]
intervention = "narrow-other"
of = "copies"
source = "other"
dose = 0.25

[arms.matched]
intervention = "length-matched"
of = "aligned"
dose = 0.25

[arms.templates]
intervention = "aligned"
by = "template"
epochs = 30
dose = 0.25

[arms.paraphrased]
intervention = "aligned"
by = "paraphrase"
epochs = 60
dose = 0.25

[arms.domains]
intervention = "coverage"
dose = 0.25

[arms.clusters]
intervention = "coverage"
by = "clusters"
clusters = 5
dose = 0.25

[arms.spread]
intervention = "coverage"
by = "farthest first"
centres = 20
dose = 0.25

[arms.zipf]
intervention = "concentrated"
by = "zipf"
documents = 12
dose = 0.25

[arms.early]
intervention = "concentrated"
repeats = 8
when = "first half"
dose = 0.25

[arms.prompts]
intervention = "repeated prompts"
source = "other"
share = 0.5
repeats = 6
answers = "other"
dose = 0.25

[arms.unique]
intervention = "deduplicated"
near = true
dose = 0.25

[arms.plain]
intervention = "normalised"
dose = 0.5

[arms.again]
intervention = "a/a"

[arms.new]
intervention = "novel-broad"
dose = 0.25
"""


def documents():
    rng = seeded(5)
    return [
        Document(f"doc {i}", " ".join(rng.choice(WORDS, size=int(rng.geometric(0.04)))), f"domain {i % 3}")
        for i in range(900)
    ]


def embedded(corpus):
    return seeded(1).normal(size=(sum(1 for _ in corpus), 6))


TOOLS = Tools(
    embedder=embedded, paraphraser=lambda text, n: f"{text} ({n})", near=np.array([[1, 2], [2, 5]]), names=(("a", "b"),)
)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recipe")
    for name, step in (("items", 1), ("other", 3)):
        joined = ["and" if name == "items" or i < 10 else "or" for i in range(60 * step)]
        rows = [{"question": f"{WORDS[i % 16]} {word} {i}?", "answer": str(step * i)} for i, word in enumerate(joined)]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "recipe.toml").write_text(RECIPE.replace("{folder}", str(folder)), encoding="utf-8")
    return read_recipe(folder / "recipe.toml")


@pytest.fixture(scope="module")
def built(recipe, tmp_path_factory):
    out = tmp_path_factory.mktemp("built") / "out"
    return build(documents(), recipe, out, tokenizer=TOKENIZER, seed=3, tools=TOOLS)


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_all_arms_have_the_budget_and_the_control_outside_the_treated_sequences(built, recipe):
    control = built.streams["control"].ids
    assert set(built.streams) == {"control", *recipe.arms}
    treated = {}
    for name, stream in built.streams.items():
        assert stream.ids.shape == (200, 32)
        treated[name] = set(np.flatnonzero((stream.ids != control).any(axis=1)).tolist())
    at_quarter = set().union(*(treated[name] for name, arm in recipe.arms.items() if arm.dose == 0.25))
    assert len(at_quarter) == 50  # the same fifty positions in all arms
    assert at_quarter < treated["plain"]  # and they are among those of a larger dose
    assert len(treated["plain"]) == 100
    assert len(treated["again"]) == 200
    for name, arm in recipe.arms.items():
        if arm.dose == 0.25:
            assert len(treated[name]) >= 48, name


def test_the_tokens_of_an_arm_are_those_of_its_documents(built):
    by_id = {document.id: document.text for document in documents()}
    for name in ("control", "aligned", "new", "early"):
        table = built.streams[name].documents
        ids = built.streams[name].ids.ravel()
        assert table["tokens"].sum() == ids.size
        for copy_ in table["copy"].unique().to_list()[:80]:
            rows = table.filter(pl.col("copy") == copy_)
            if rows["tokens"].sum() == len(encode(TOKENIZER, [by_id[rows["id"][0]]])[0]) + 1:
                parts = {tuple(ids[a : a + n].tolist()) for a, n in zip(rows["start"], rows["tokens"], strict=True)}
                whole = [*encode(TOKENIZER, [by_id[rows["id"][0]]])[0], end_token(TOKENIZER)]
                assert sum(map(len, parts)) <= len(whole)
                assert Counter(t for part in parts for t in part) <= Counter(whole)


def test_nothing_is_repeated_where_the_recipe_does_not_say_so(built):
    for name in ("control", "aligned", "placebo", "off-target", "domains", "clusters", "spread", "again", "new"):
        reported = built.manifests[name]["reported"]
        assert set(reported["epochs_per_document"]) == {"1"}, name
    assert int(max(built.manifests["early"]["reported"]["epochs_per_document"], key=int)) == 8
    assert built.manifests["copies"]["reported"]["epochs_per_document"]["4"] > 10


def test_the_first_half_holds_the_repetitions(built):
    table = built.streams["early"].documents.filter(pl.col("copies") > 1)
    assert table.height > 20
    assert (table["start"] + table["tokens"]).max() <= 3200


def test_the_report_is_what_the_stream_holds(built):
    for name, stream in built.streams.items():
        reported, table = built.manifests[name]["reported"], stream.documents
        tokens, ids = stream.ids.ravel(), table["id"]
        assert reported["end_tokens"] == (tokens == end_token(TOKENIZER)).sum()
        assert reported["unique_tokens"] == len(set(tokens.tolist()))
        assert reported["documents"] == table["copy"].n_unique()
        assert reported["unique_documents"] == ids.n_unique()
        assert (
            sum(reported["tokens_per_domain"].values()) == sum(reported["tokens_by_document_length"].values()) == 6400
        )
        counts = np.bincount(built.streams["control"].ids.ravel(), minlength=TOKENIZER.get_vocab_size()) + 1.0
        price = -np.log(counts / counts.sum())
        assert reported["entropy_per_token"] == pytest.approx(price[tokens].mean(), rel=1e-12)


def test_the_bits_depend_neither_on_workers_nor_on_how_the_corpus_comes(built, recipe, tmp_path):
    class Streamed:
        def __iter__(self):
            return iter(documents())

    out = tmp_path / "out"
    build(Streamed(), recipe, out, tokenizer=TOKENIZER, mapped=two_processes, seed=3, tools=TOOLS)
    assert files(out) == files(built.folder)


def test_another_seed_gives_other_arms(built, recipe, tmp_path):
    other = build(documents(), recipe, tmp_path / "out", tokenizer=TOKENIZER, seed=4, tools=TOOLS)
    for name, stream in other.streams.items():
        assert stream.sha256 != built.streams[name].sha256


def test_what_is_whole_is_left_and_what_is_not_is_built_again(built, recipe, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(InputError, match=r"arms.clusters: needs a tool 'embedder' but none was given"):
        build(
            documents(),
            recipe,
            out,
            tokenizer=TOKENIZER,
            seed=3,
            tools=Tools(paraphraser=TOOLS.paraphraser, names=TOOLS.names),
        )
    there = sorted(path.name for path in (out / "arms").iterdir())
    assert "domains" in there
    assert "clusters" not in there
    build(documents(), recipe, out, tokenizer=TOKENIZER, seed=3, tools=TOOLS)
    assert files(out) == files(built.folder)
    with pytest.raises(InputError, match=r"corpus: must hold the tokens of this corpus but holds another's"):
        build(documents()[::-1], recipe, out, tokenizer=TOKENIZER, seed=3, tools=TOOLS)
    with pytest.raises(InputError, match=r"holds other work \(items was .*; seed was 3, is 4\)"):
        build(documents(), recipe, out, tokenizer=TOKENIZER, seed=4, tools=TOOLS)


def test_arms_differ_in_what_is_declared_and_every_arm_is_proven_from_its_tokens(built):
    found = compare(list(built.manifests.values()))
    assert found.undeclared == ()
    assert {"treatment.intervention", "order_sha256"} <= {each.field for each in found.declared}
    for name in built.streams:
        assert proved(built.folder, name) == []


def test_licences_and_code_stand_in_the_manifests_and_other_code_is_other_work(built, recipe, tmp_path, monkeypatch):
    manifest = built.manifests["narrow"]
    assert manifest["sources"]["corpus"]["licence"] == "CC0"
    told = {path.rpartition("/")[2]: known for path, known in manifest["sources"]["files"].items()}
    assert (told["other.jsonl"]["licence"], told["other.jsonl"]["origin"]) == ("MIT", "made up")
    assert told["items.jsonl"]["licence"] == ""
    assert re.fullmatch("[0-9a-f]{64}", manifest["code"])
    out = tmp_path / "out"
    build(documents(), small(again={"intervention": "a/a"}), out, tokenizer=TOKENIZER, seed=0)
    monkeypatch.setattr(sys.modules[build.__module__], "code", lambda rooms: "0" * 64)
    with pytest.raises(InputError, match=r"holds other work \(code was .*, is .*\)"):
        build(documents(), small(again={"intervention": "a/a"}), out, tokenizer=TOKENIZER, seed=0)
    build(documents(), small(again={"intervention": "a/a"}), tmp_path / "new", tokenizer=TOKENIZER, seed=0)
    arms = [read_json(each / "arms" / "again" / "manifest.json") for each in (out, tmp_path / "new")]
    assert [each.field for each in compare(arms).undeclared] == ["code", "sha256"]


def test_the_items_of_every_side_lie_beside_the_arms(built, recipe):
    table = pl.read_parquet(built.folder / "items.parquet")
    told = built.manifests["control"]["items"]
    for source, sides in told.items():
        for side, known in sides.items():
            here = table.filter((pl.col("source") == source) & (pl.col("side") == side.replace("_", " ")))
            assert here.height == known["items"]
    assert {side: known["items"] for side, known in told["benchmark"].items()} == {
        "seen": 30, "held_out": 30, "removed": 0,
    }  # fmt: skip
    assert {side: known["items"] for side, known in told["other"].items()} == {
        "seen": 170, "held_out": 0, "removed": 10,
    }  # fmt: skip
    gone = table.filter(pl.col("side") == "removed")
    assert (gone["prompt"] == [f"{WORDS[i]} and {i}?" for i in range(10)]).all()
    assert set(gone["kept_in"]) <= {"benchmark, seen", "benchmark, held out"}


def ladder(tmp_path, **arms):
    rows = [{"question": f"{WORDS[i % 16]} and {i}?", "answer": str(i % 7)} for i in range(40)]
    (tmp_path / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    benchmark = {"file": str(tmp_path / "items.jsonl")}
    content = {"budget": {"tokens": 6400, "length": 32}, "benchmark": benchmark, "arms": arms}
    return build(documents(), checked_recipe(content), tmp_path / "out", tokenizer=TOKENIZER, seed=3)


def test_arms_of_more_copies_or_of_shuffled_answers_hold_the_same_new_documents(tmp_path):
    copies = {f"x{k}": {"intervention": "aligned", "by": "copies", "copies": k} for k in (0, 1, 4)}
    shuffled = {"intervention": "format-only", "of": "x1"}
    built = ladder(tmp_path, **copies, shuffled=shuffled)
    rest = {
        name: set(stream.documents.filter(pl.col("id").str.starts_with("doc"))["id"])
        for name, stream in built.streams.items()
    }
    assert rest["x4"] < rest["x1"] < rest["x0"]
    assert len(rest["x4"]) > 80
    assert len(rest["shuffled"] ^ rest["x1"]) <= 1
    same = (built.streams["shuffled"].ids == built.streams["x1"].ids).all(axis=1)
    assert same.mean() > 0.3  # the same sequences at the same places, but for the answers and what these displace
    told = {name: manifest["reported"].get("injected_tokens") for name, manifest in built.manifests.items()}
    assert told["x0"] == 0
    assert told["x4"] == 4 * told["x1"] > 0
    assert told["control"] is None


def test_controls_are_matched_to_the_arm_that_was_built_and_to_no_other_draw_of_it(tmp_path):
    few = {"intervention": "concentrated", "by": "subset", "repeats": 200}
    arms = {f"few-{i}": few for i in range(4)}
    matched = {f"matched-{i}": {"intervention": "length-matched", "of": f"few-{i}"} for i in range(4)}
    built = ladder(tmp_path, **arms, **matched)

    def shares(name):
        told = built.manifests[name]["reported"]["tokens_by_document_length"]
        return np.array(list(told.values())) / 6400

    parents = [shares(f"few-{i}") for i in range(4)]
    assert max(np.abs(one - parents[0]).max() for one in parents) > 0.3  # draws of so few differ among themselves
    for i, parent in enumerate(parents):
        assert np.abs(shares(f"matched-{i}") - parent).max() < 0.1


def changed(value):
    return value + 1 if isinstance(value, int | float) and not isinstance(value, bool) else f"{value}x"


def leaves(value, place=()):
    if isinstance(value, dict) and value:
        for key in value:
            yield from leaves(value[key], (*place, key))
    elif isinstance(value, list) and value:
        for index in range(len(value)):
            yield from leaves(value[index], (*place, index))
    else:
        yield place


def with_change(manifest, place):
    other = copy.deepcopy(manifest)
    at = other
    for step in place[:-1]:
        at = at[step]
    at[place[-1]] = changed(at[place[-1]])
    return other


def test_each_field_changed_alone_is_seen_to_fail(built):
    manifests = built.manifests
    control, arm = manifests["control"], manifests["aligned"]
    assert set(arm) == FIELDS
    places = list(leaves(arm))
    assert len(places) > 150
    for place in places:
        if place[0] in ("schema", "kind"):
            with pytest.raises(InputError, match="must be that of an arm, schema 2, but holds"):
                compare([control, with_change(arm, place)])
            continue
        assert compare([control, with_change(arm, place)]).undeclared, place


# What the documents and tokens alone can tell; a sealed lie about it is for `proved`.
TOLD_BY_TOKENS = {"order_sha256", "reported", "written", "sha256"}


def test_each_field_changed_alone_and_sealed_again_is_seen_too(built):
    manifests = built.manifests
    control, arm = manifests["control"], manifests["copies"]
    for place in leaves(arm):
        if place[0] in TOLD_BY_TOKENS | {"schema", "kind"}:
            continue
        assert compare([control, seal(with_change(arm, place))]).undeclared, place


def test_a_sealed_lie_about_the_tokens_is_told_by_the_tokens(built, recipe, tmp_path):
    out = tmp_path / "out"
    build(documents(), recipe, out, tokenizer=TOKENIZER, seed=3, tools=TOOLS)
    path = out / "arms" / "copies" / "manifest.json"
    honest = json.loads(path.read_text(encoding="utf-8"))
    lies = [("order_sha256",), ("reported", "unique_tokens"), ("reported", "documents")]
    for place in lies:
        lie = with_change(honest, place)
        if place == ("order_sha256",):
            lie["order_sha256"] = "0" * 64
        path.write_text(json.dumps(seal(lie)), encoding="utf-8")
        assert [each.field for each in proved(out, "copies")] == [".".join(place)]
    path.write_text(json.dumps(honest), encoding="utf-8")
    assert proved(out, "copies") == []
    tokens = out / "arms" / "copies" / "tokens.bin"
    held = bytearray(tokens.read_bytes())
    untreated = int(
        np.flatnonzero((PackedStream.open(out / "arms" / "copies").ids == built.streams["control"].ids).all(axis=1))[0]
    )
    held[untreated * 64] ^= 1
    tokens.write_bytes(bytes(held))
    assert {"order_sha256", "untreated_sha256"} <= {each.field for each in proved(out, "copies")}


def test_two_manifests_of_one_arm_may_differ_in_nothing(built):
    arm = built.manifests["aligned"]
    assert compare([arm, arm]).undeclared == compare([arm, arm]).declared == ()
    assert compare([arm, seal(with_change(arm, ("reported", "end_tokens")))]).undeclared
    with pytest.raises(InputError, match="needs two manifests or more but was given 1"):
        compare([arm])


def test_differing_names_every_leaf():
    one, other = {"a": [1, {"b": 2}], "c": 1}, {"a": [1, {"b": 3}], "d": 1}
    assert list(differing(one, other)) == [("a.1.b", 2, 3), ("c", 1, None), ("d", None, 1)]


def small(**arms):
    return checked_recipe({"budget": {"tokens": 3200, "length": 32}, "arms": arms})


def test_budgets_that_cannot_be_filled_are_refused_with_what_can_be_had(tmp_path):
    corpus = documents()[:200]
    total = sum(len(ids) + 1 for ids in encode(TOKENIZER, [document.text for document in corpus]))
    large = checked_recipe({"budget": {"tokens": 32_000, "length": 32}, "arms": {"a": {"intervention": "a/a"}}})
    with pytest.raises(InputError, match=rf"budget.tokens: must be at most {total}, the tokens of the corpus, but are"):
        build(corpus, large, tmp_path / "large", tokenizer=TOKENIZER, seed=0)
    with pytest.raises(InputError, match=r"arms.new: must fill 3200 tokens but the recipe gives \d+ without further"):
        build(corpus, small(new={"intervention": "novel-broad"}), tmp_path / "new", tokenizer=TOKENIZER, seed=0)
    assert not list((tmp_path / "new").glob("**/*.partial"))
    assert not (tmp_path / "new" / "arms" / "new").exists()
    with pytest.raises(InputError, match="corpus: must be gone through more than once but is an iterator"):
        build(iter(corpus), small(new={"intervention": "a/a"}), tmp_path / "it", tokenizer=TOKENIZER, seed=0)


def test_a_disk_that_fills_up_leaves_no_half_arm(tmp_path):
    recipe = small(again={"intervention": "a/a"})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    build(documents(), recipe, tmp_path / "out", tokenizer=TOKENIZER, seed=0)
    whole = files(tmp_path / "out")
    (tmp_path / "out" / "arms" / "again").rename(tmp_path / "elsewhere")
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, hard))
    try:
        with pytest.raises(InputError, match=r"arms/again: cannot be written \(File too large\)"):
            build(documents(), recipe, tmp_path / "out", tokenizer=TOKENIZER, seed=0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert sorted(path.name for path in (tmp_path / "out" / "arms").iterdir()) == ["control"]
    build(documents(), recipe, tmp_path / "out", tokenizer=TOKENIZER, seed=0)
    assert files(tmp_path / "out") == whole


@pytest.mark.parametrize(
    ("arms", "sentence"),
    [
        ({"a": {"intervention": "alined"}}, "arms.a: Input tag 'alined' found"),
        ({"control": {"intervention": "a/a"}}, "none 'control', but one is 'control'"),
        ({"a": {"intervention": "a/a", "dose": 1.5}}, "arms.a.a/a.dose: Input should be less than or equal to 1"),
        ({"a": {"intervention": "a/a", "dosis": 1}}, "arms.a.a/a.dosis: Extra inputs are not permitted but is 1"),
        ({"a": {"intervention": "aligned"}}, "arms.a needs [benchmark], which is missing"),
        ({"a": {"intervention": "a/a"}, "b": {"intervention": "placebo", "of": "c"}}, "arms.b.of must be among ['a']"),
        ({"a": {"intervention": "a/a"}, "b": {"intervention": "placebo", "of": "a"}}, "must be aligned by score but"),
        (
            {"a": {"intervention": "a/a", "dose": 0.5}, "b": {"intervention": "length-matched", "of": "a"}},
            "arms.b.dose must be that of 'a', 0.5, but is 1.0",
        ),
        ({"a": {"intervention": "repeated prompts", "source": "x"}}, "arms.a.source must be among [] but is 'x'"),
        (
            {"a": {"intervention": "a/a", "dose": 0.004}},
            "arms.a.dose must treat at least one of 100 sequences but is 0.004",
        ),
    ],
)  # fmt: skip
def test_a_recipe_that_breaks_a_rule_is_refused_by_name(arms, sentence):
    with pytest.raises(InputError) as caught:
        small(**arms)
    assert sentence in str(caught.value)


def test_a_recipe_file_is_refused_in_one_sentence(tmp_path):
    path = tmp_path / "r.toml"
    with pytest.raises(InputError, match=r"r.toml: no such file"):
        read_recipe(path)
    path.write_text("[budget", encoding="utf-8")
    with pytest.raises(InputError, match=r"r.toml: must be TOML but is not"):
        read_recipe(path)
    path.write_text('[budget]\ntokens = 100\nlength = 32\n[arms.a]\nintervention = "a/a"\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"budget: tokens must be a multiple of length 32 but are 100; 96 or 128"):
        read_recipe(path)
