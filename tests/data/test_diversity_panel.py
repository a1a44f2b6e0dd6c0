"""Corpora are compared at one budget, in one embedding, and a planted difference shows in every measure."""

import math
from collections import Counter

import numpy as np
import pytest

from benchshadow.data.diversity import Budget, PanelSettings, diversity_panel, drawn, equal_draws
from benchshadow.data.documents import Document, read_documents
from benchshadow.errors import InputError


def seeded(seed=0):
    return np.random.default_rng(seed)


def docs(rng, count, topics, words=20):
    topic = [[f"{t}x{n}" for n in range(40)] for t in range(topics)]
    return [Document(str(n), " ".join(rng.choice(topic[n % topics], words)), "") for n in range(count)]


@pytest.fixture(scope="module")
def panel():
    rng = seeded()
    corpora = {"wide": docs(rng, 400, 12), "narrow": docs(rng, 300, 3), "copies": docs(rng, 3, 3) * 100}
    settings = PanelSettings(clusters=12, dimensions=24)
    return diversity_panel(corpora, Budget(amount=150, draws=8), settings, rng=rng)


def test_a_wide_corpus_is_wide_in_every_sense(panel):
    wide, narrow, copies = (panel.values[name] for name in ("wide", "narrow", "copies"))
    for measure in ("vendi(0.5)", "vendi(1)", "vendi(2)", "vendi(inf)", "cluster_number", "clusters_hit"):
        assert wide[measure].low > narrow[measure].high
        assert narrow[measure].value >= copies[measure].value - 1e-9
    assert narrow["unseen_pairs"].low > 0.4
    assert copies["unseen_pairs"].high == 0


def test_three_texts_over_and_over_have_the_diversity_of_three(panel):
    copies = panel.values["copies"]
    assert 2.9 < copies["vendi(1)"].value <= 3 + 1e-9
    assert copies["clusters_hit"].value == pytest.approx(copies["cluster_number"].value / 12, rel=0.05)


def test_every_number_carries_what_it_hangs_on(panel):
    assert panel.dimensions == 24
    assert panel.embedding.startswith("tf-idf-svd-24-")
    assert panel.clusters == 12
    assert panel.left_out == {"wide": 0, "narrow": 0, "copies": 0}
    one = panel.values["wide"]["vendi(1)"]
    assert (one.draws, one.texts, one.pool) == (8, 150, 400)
    assert one.low <= one.value <= one.high <= 24


def test_equal_words_give_the_corpus_of_long_texts_fewer_of_them():
    rng = seeded(1)
    corpora = {"short": docs(rng, 300, 5, words=10), "long": docs(rng, 300, 5, words=40)}
    budget = Budget(amount=2_000, unit="words", draws=4)
    found = diversity_panel(corpora, budget, PanelSettings(clusters=5, dimensions=16), rng=rng).values
    assert found["short"]["vendi(1)"].texts == 200
    assert found["long"]["vendi(1)"].texts == 50


def test_the_same_seed_gives_the_same_panel():
    corpora = {"a": docs(seeded(2), 80, 4), "b": docs(seeded(3), 60, 2)}
    settings = PanelSettings(clusters=6, dimensions=8, pool=50)
    one, two = (diversity_panel(corpora, Budget(amount=30), settings, rng=seeded(9)) for _ in range(2))
    assert one == two
    assert one.values["a"]["vendi(1)"].pool == 50


def test_an_encoder_of_ones_own_is_used_named_and_texts_it_cannot_read_are_counted():
    def encoder(texts):
        return np.array([[text.count("0x"), text.count("1x")] for text in texts], float)

    corpora = {"a": [*docs(seeded(), 40, 2), Document("odd", "nothing", "")]}
    settings = PanelSettings(clusters=2)
    panel = diversity_panel(corpora, Budget(amount=40), settings, encoder=encoder, encoder_name="counts", rng=seeded())
    assert (panel.embedding, panel.dimensions, panel.left_out) == ("counts", 2, {"a": 1})
    assert panel.values["a"]["clusters_hit"].value == 1
    with pytest.raises(InputError, match="encoder_name: must name the encoder"):
        diversity_panel(corpora, encoder=encoder, rng=seeded())
    named = PanelSettings(clusters=2, built_with="counts")
    with pytest.raises(InputError, match="another embedding than built the arm"):
        diversity_panel(corpora, Budget(amount=40), named, encoder=encoder, encoder_name="counts", rng=seeded())


def test_draws_hold_the_budget_without_doubles_and_are_even():
    words, rng = np.full(20, 10), seeded()
    by_texts = equal_draws(words, Budget(amount=5, draws=2000), rng=rng)
    assert all(len(np.unique(draw)) == 5 for draw in by_texts)
    met = Counter(int(each) for draw in by_texts for each in draw)
    assert all(abs(met[each] - 500) < 5 * np.sqrt(2000 * 0.25 * 0.75) for each in range(20))
    uneven = rng.integers(1, 30, 200)
    for draw in equal_draws(uneven, Budget(amount=500, unit="words"), rng=rng):
        assert 500 - 29 < uneven[draw].sum() <= 500


def test_a_draw_of_everything_leaves_no_interval():
    found = drawn([3.0, 3.0, 3.0], [10, 10, 10], 10)
    assert (found.value, found.low, found.high) == (3, 3, 3)
    spread = drawn(list(np.arange(41.0)), [5] * 41, 99, 0.9)
    assert (spread.value, spread.low, spread.high, spread.texts) == pytest.approx((20, 2, 38, 5))


@pytest.mark.parametrize("unit", ["texts", "words"])
def test_a_budget_above_what_is_there_is_refused_with_what_can_be_had(unit):
    there = {"texts": 3, "words": 12}[unit]
    with pytest.raises(InputError, match=rf"must hold 50 {unit} but the corpus has {there}; compare all .* at {there}"):
        equal_draws(np.array([3, 4, 5]), Budget(amount=50, unit=unit), rng=seeded())


@pytest.mark.parametrize(
    "given", [{"amount": 0}, {"draws": 0}, {"level": 1.0}, {"unit": "tokens"}], ids=lambda given: next(iter(given))
)
def test_a_budget_that_cannot_be_is_refused(given):
    with pytest.raises(InputError, match="a budget"):
        Budget(**given)


def test_gsm8k_is_diverse_to_vendi_and_narrow_to_clusters(data_folder):
    def some(name, text):
        return [passage.document for passage in read_documents(data_folder / name, text, "", "", 500)[::4]]

    corpora = {
        "gsm8k": some("gsm8k/train.jsonl.gz", "{question}"),
        "mmlu": some("mmlu/test.jsonl.gz", "{question} {choices}"),
    }
    found = diversity_panel(corpora, Budget(amount=500), PanelSettings(dimensions=128), rng=seeded()).values
    gsm8k, mmlu = found["gsm8k"], found["mmlu"]
    assert gsm8k["vendi(1)"].value > 0.8 * mmlu["vendi(1)"].value
    assert gsm8k["cluster_number"].high < 0.8 * mmlu["cluster_number"].low
    assert math.isclose(gsm8k["vendi(1)"].texts, 500)
