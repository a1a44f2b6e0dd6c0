"""Every intervention chooses what it says it chooses, and its control the same but for the one thing."""

from collections import Counter, defaultdict
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
from data_samples import seeded
from sklearn.cluster import MiniBatchKMeans
from threadpoolctl import threadpool_info, threadpool_limits

from benchshadow.data.documents import Document
from benchshadow.data.interventions import (
    ByScore,
    ByTemplate,
    ByText,
    ClusterBalanced,
    Deduplicated,
    DomainBalanced,
    FormatOnly,
    Injected,
    LengthMatched,
    NarrowOther,
    Normalised,
    NovelBroad,
    OffTarget,
    Paraphrased,
    Placebo,
    Pool,
    Prompt,
    RepeatedPrompts,
    Room,
    SecondDraw,
    Segment,
    Spread,
    Subset,
    Zipf,
    by_rules,
    coverage,
)
from benchshadow.data.interventions.controls import realised
from benchshadow.data.interventions.filling import filled, taken
from benchshadow.data.interventions.narrow import surprisal
from benchshadow.data.interventions.pool import length_strata
from benchshadow.data.interventions.prompts import with_others_answers
from benchshadow.data.packing import TokenStore
from benchshadow.data.tokenization import train_bpe
from benchshadow.errors import InputError

TEXT = "grey cats sat on old mats while dogs ran home and nobody knew why it rained so"
WORDS = TEXT.split()
TOKENIZER = train_bpe([TEXT * 3], 320)
ITEMS = [Prompt(f"item {i}", f"what is {i} and {i}?", str(2 * i % 7), "sums") for i in range(30)]


def corpus(size=400, domains=(0.6, 0.3, 0.1)):
    rng = seeded(5)
    kinds = rng.choice(len(domains), size=size, p=domains)
    return [
        Document(f"doc {i}", " ".join(rng.choice(WORDS, size=int(rng.geometric(0.05)))) + f" {i}", f"domain {kind}")
        for i, kind in enumerate(kinds)
    ]


@pytest.fixture
def make(tmp_path):
    """A pool in which every third document stands in an untreated sequence, and the first half in the control."""
    numbers = count()

    def made(documents=None, tokens=3000, early=1200):
        documents = corpus() if documents is None else documents
        store = TokenStore.write(documents, TOKENIZER, tmp_path / f"store {next(numbers)}")
        free = np.array([i for i in range(len(documents)) if i % 3])
        control = seeded(1).permutation(len(documents) // 2)
        room = Room(early, tokens - early)
        return Pool(documents, store, control, free, room, TOKENIZER, lambda: tmp_path / f"written {next(numbers)}")

    return made


def texts(pool, treatment):
    """The texts that fill the room, by a look at documents and what was written."""
    written = [] if treatment.written is None else decoded(treatment.written)
    everything = [*(document.text for document in pool.documents), *written]
    return [everything[i] for i in realised(pool, treatment)]


def decoded(store):
    return [
        TOKENIZER.decode(store.ids[a : a + n - 1].tolist()) for a, n in zip(store.starts, store.lengths, strict=True)
    ]


def test_no_intervention_touches_what_stands_in_untreated_sequences_and_each_is_its_seeds(make):
    pool = make()
    X = seeded(2).normal(size=(400, 8))
    every = [
        ByScore(np.arange(400.0)), Placebo(ByScore(np.arange(400.0))), DomainBalanced(), ClusterBalanced(X, 5),
        Spread(X, "farthest first", 20), Spread(X, "facility location", 20), Zipf(20), Subset(4),
        Subset(4, "first half"), Deduplicated(), SecondDraw(), NovelBroad(), LengthMatched(Subset(4)),
        Injected(ITEMS, 2), OffTarget(ITEMS, Injected(ITEMS[:20], 2)), ByTemplate(ITEMS, epochs=9),
        FormatOnly(Injected(ITEMS, 2)), RepeatedPrompts(ITEMS),
        Normalised(ByText.alone(str.upper)), Paraphrased(ITEMS, ByText(lambda text, n: f"{n}: {text}"), epochs=9),
        NarrowOther([item.document() for item in ITEMS], Subset(9)),
    ]  # fmt: skip
    for intervention in every:
        treatments = [intervention(pool, rng=seeded(seed)) for seed in (1, 1, 2)]
        runs = [texts(pool, treatment) for treatment in treatments]
        assert runs[0] == runs[1], intervention
        fixed = isinstance(intervention, ByScore | Normalised) or "facility" in getattr(intervention, "by", "")
        assert (runs[0] != runs[2]) != fixed, intervention
        taken_of_pool = set(realised(pool, treatments[0]).tolist()) & set(range(400))
        assert taken_of_pool <= set(pool.free.tolist()), intervention


def test_by_score_takes_the_best_and_never_nan(make):
    pool = make()
    scores = seeded(3).normal(size=400)
    best = int(pool.free[np.argmax(scores[pool.free])])
    scores[best] = np.nan
    got = realised(pool, ByScore(scores, lengths=False)(pool, rng=seeded()))
    ranked = sorted((i for i in pool.free.tolist() if i != best), key=lambda i: -scores[i])
    assert got.tolist() == ranked[: len(got)]
    assert pool.store.lengths[got].sum() >= 3000 > pool.store.lengths[got[:-1]].sum()


def shares(pool, documents, labels):
    found = np.bincount(labels[documents], pool.store.lengths[documents], minlength=labels.max() + 1)
    return found / found.sum()


def test_by_score_keeps_the_controls_strata_of_length(make):
    pool = make(corpus(3000), tokens=12_000)
    scores = pool.store.lengths.astype(float)  # length is all that the score sees
    labels = length_strata(pool.store.lengths)
    like = shares(pool, pool.control, labels)
    kept = shares(pool, realised(pool, ByScore(scores)(pool, rng=seeded())), labels)
    free = shares(pool, realised(pool, ByScore(scores, lengths=False)(pool, rng=seeded())), labels)
    assert np.abs(kept - like).max() < 0.02
    assert np.abs(free - like).max() > 0.3


def test_a_placebo_is_the_same_choice_by_scores_that_say_nothing(make):
    pool = make(corpus(3000), tokens=4000)
    scores = seeded(3).normal(size=3000)
    scored = scores[realised(pool, ByScore(scores)(pool, rng=seeded()))]
    placebo = scores[realised(pool, Placebo(ByScore(scores))(pool, rng=seeded()))]
    assert scored.mean() > 1
    assert abs(placebo.mean()) < 4 / np.sqrt(len(placebo))
    scores[::2] = np.nan
    assert not set(realised(pool, Placebo(ByScore(scores))(pool, rng=seeded())).tolist()) & set(range(0, 3000, 2))


@pytest.mark.parametrize("copies", [0, 1, 4])
def test_every_item_is_injected_so_often_among_new_documents(make, copies):
    pool = make()
    got = Counter(texts(pool, Injected(ITEMS, copies)(pool, rng=seeded())))
    for item in ITEMS:
        assert got[f"{item.prompt} {item.answer}"] == copies
    others = [document.text for document in pool.documents if got[document.text]]
    assert len(others) > 20
    assert all(got[text] == 1 for text in others)


def test_copies_that_do_not_fit_are_refused(make):
    pool = make()
    treatment = Injected(ITEMS, 36)(pool, rng=seeded())
    lengths = np.append(pool.store.lengths, treatment.written.lengths)
    with pytest.raises(InputError, match=r"arms.a: must fit \d+ tokens of copies into .* hold 300; raise dose"):
        filled(treatment.segments[0], lengths, sequences=30, length=10, whole=900, where="arms.a", rng=seeded())


def test_templates_and_paraphrases_are_all_there_before_any_is_repeated(make):
    pool = make(tokens=1400)
    got = Counter(texts(pool, ByTemplate(ITEMS, ("{prompt} {answer}", "{answer}: {prompt}"), 3)(pool, rng=seeded())))
    assert set(got) == {f"{i.prompt} {i.answer}" for i in ITEMS} | {f"{i.answer}: {i.prompt}" for i in ITEMS}
    assert max(got.values()) - min(got.values()) <= 1
    other = texts(pool, Paraphrased(ITEMS, ByText(lambda text, n: text + "!" * (n + 1)), 2, 3)(pool, rng=seeded()))
    assert set(other) == {f"{i.prompt} {i.answer}{mark}" for i in ITEMS for mark in ("!", "!!")}


@pytest.mark.parametrize("rewriter", [lambda text, n: text, lambda text, n: " "])
def test_a_paraphrase_in_the_same_words_is_refused(make, rewriter):
    with pytest.raises(InputError, match="item 0: must come back in other words but came back as"):
        Paraphrased(ITEMS, ByText(rewriter))(make(), rng=seeded())


def test_format_only_keeps_prompts_and_answers_but_no_pair(make):
    moved = with_others_answers(ITEMS, seeded())
    assert [each.prompt for each in moved] == [each.prompt for each in ITEMS]
    assert Counter(each.answer for each in moved) == Counter(each.answer for each in ITEMS)
    assert all(one.answer != other.answer for one, other in zip(ITEMS, moved, strict=True))
    pool = make()
    got = set(texts(pool, FormatOnly(Injected(ITEMS, 1))(pool, rng=seeded())))
    assert not got & {f"{item.prompt} {item.answer}" for item in ITEMS}
    same = [item._replace(answer="yes" if i < 20 else "no") for i, item in enumerate(ITEMS)]
    with pytest.raises(InputError, match="answers: must be shared by at most half of 30 items but one is by 20"):
        with_others_answers(same, seeded())


def test_format_only_changes_answers_and_nothing_beside_them(make):
    pool = make(corpus(900))
    mine, other = (
        texts(pool, each(pool, rng=seeded(4))) for each in (Injected(ITEMS, 2), FormatOnly(Injected(ITEMS, 2)))
    )
    of_items = {item.prompt for item in ITEMS}
    rest = [[text for text in each if text.rpartition(" ")[0] not in of_items] for each in (mine, other)]
    assert len(rest[0]) > 50
    assert abs(len(rest[0]) - len(rest[1])) <= 1  # answers of other lengths may cut one document more
    shorter = min(map(len, rest))
    assert rest[0][:shorter] == rest[1][:shorter]
    assert mine[: len(ITEMS)] != other[: len(ITEMS)]


def test_fewer_copies_stand_among_the_same_documents_in_the_same_order(make):
    pool = make(corpus(900))
    orders = {}
    for copies in (0, 1, 4):
        treatment = Injected(ITEMS, copies)(pool, rng=seeded(4))
        written = [] if treatment.written is None else [treatment.written.lengths]
        lengths = np.concatenate([pool.store.lengths, *written])
        pieces = filled(treatment.segments[0], lengths, sequences=300, length=10, whole=3000, where="a", rng=seeded(5))
        _, first = np.unique(pieces.copy, return_index=True)
        orders[copies] = pieces.document[first][:-1].tolist()  # without the one that is cut
    rest = {copies: [number for number in order if number < 900] for copies, order in orders.items()}
    assert len(rest[0]) > len(rest[1]) > len(rest[4]) > 30
    for fewer, more in ((0, 1), (1, 4)):
        kept = set(rest[more])
        assert [number for number in rest[fewer] if number in kept] == rest[more]
    items = [[number for number in orders[copies] if number >= 900] for copies in (1, 4)]
    assert Counter(Counter(items[1]).values()) == {4: 30}
    assert set(items[0]) == set(items[1])


def test_off_target_copies_weigh_what_the_parents_weigh(make):
    pool = make(corpus(900))
    others = [Prompt(f"other {i}", f"say {i} in so many more words than that", "yes" * (i % 5), "") for i in range(90)]
    of = Injected(ITEMS, 3)
    treatment = OffTarget(others, of)(pool, rng=seeded(4))
    told = treatment.told
    longest = max(len(TOKENIZER.encode(item.document().text).ids) + 1 for item in others)
    assert told["injected_tokens_of_parent"] == of(pool, rng=seeded(4)).told["injected_tokens"] > 0
    assert abs(told["injected_tokens"] - told["injected_tokens_of_parent"]) <= 3 * longest
    assert told["injected_tokens"] == 3 * treatment.written.lengths.sum()
    got = Counter(texts(pool, treatment))
    there = [got[item.document().text] for item in others]
    assert set(there) == {0, 3}
    rest = [
        [text for text in texts(pool, each) if text.startswith(tuple(WORDS))]
        for each in (treatment, of(pool, rng=seeded(4)))
    ]
    shorter = min(map(len, rest))
    assert shorter > 30
    assert rest[0][:shorter] == rest[1][:shorter]
    with pytest.raises(InputError, match=r"source: must hold \d+ tokens of items, .* but holds \d+; name a larger one"):
        OffTarget(others[:5], of)(pool, rng=seeded(4))


def test_domains_are_balanced_as_long_as_they_have_documents(make):
    pool = make(corpus(2000), tokens=3000)
    even = shares(pool, realised(pool, DomainBalanced()(pool, rng=seeded())), pool.domains)
    assert np.abs(even - 1 / 3).max() < 0.03
    broad = make(corpus(2000), tokens=int(pool.store.lengths[pool.free].sum() * 0.6))
    got = realised(broad, DomainBalanced()(broad, rng=seeded()))
    held = [np.bincount(broad.domains[each], broad.store.lengths[each]) for each in (got, broad.free)]
    assert held[0][2] == held[1][2]  # the smallest is used up
    assert held[0][0] == pytest.approx(held[0][1], rel=0.03)


def test_one_domain_cannot_be_balanced(make):
    with pytest.raises(
        InputError, match="domains: must be two or more to be balanced but are 1; name a field as domain"
    ):
        DomainBalanced()(make(corpus(domains=(1.0,))), rng=seeded())


@pytest.mark.parametrize("by", ["clusters", "farthest first", "facility location"])
def test_coverage_is_computed_on_one_thread(make, by, monkeypatch):
    pool, X, threads = make(), seeded(2).normal(size=(400, 8)), []

    def watched(function):
        def call(*given, **named):
            threads.extend(each["num_threads"] for each in threadpool_info())
            return function(*given, **named)

        return call

    for name in ("farthest_first", "facility_location", "nearest"):
        monkeypatch.setattr(coverage, name, watched(getattr(coverage, name)))
    for name in ("fit", "predict"):
        monkeypatch.setattr(MiniBatchKMeans, name, watched(getattr(MiniBatchKMeans, name)))
    with threadpool_limits(2):
        (ClusterBalanced(X, 5) if by == "clusters" else Spread(X, by, 20))(pool, rng=seeded())
    assert threads
    assert set(threads) == {1}


def test_clusters_and_centres_spread_over_an_embedding(make):
    pool = make(corpus(900), tokens=1500)
    kind = seeded(8).choice(4, size=900, p=(0.85, 0.05, 0.05, 0.05))
    X = np.eye(4)[kind] + 0.01 * seeded(9).normal(size=(900, 4))
    for intervention in (
        ClusterBalanced(X, 4), Spread(X, "farthest first", 4), Spread(X, "facility location", 4)
    ):  # fmt: skip
        got = shares(pool, realised(pool, intervention(pool, rng=seeded())), kind)
        assert np.abs(got - 0.25).max() < 0.04, intervention
    with pytest.raises(InputError, match="embeddings: must be one for each of 900 documents but are 4"):
        ClusterBalanced(X[:4])(pool, rng=seeded())


def test_zipf_draws_few_documents_by_rank(make):
    pool = make(tokens=60_000)
    flat, steep = (Counter(realised(pool, Zipf(10, s)(pool, rng=seeded())).tolist()) for s in (0, 2))
    assert len(flat) == len(steep) == 10
    top = steep.most_common(2)
    assert 3 < top[0][1] / top[1][1] < 5.5
    assert max(flat.values()) < 1.5 * min(flat.values())
    with pytest.raises(InputError, match=r"documents: must be 1 to \d+, the free documents, but are 5000"):
        Zipf(5000)(pool, rng=seeded())


def test_a_subset_is_repeated_through_the_whole_or_the_first_half(make):
    pool = make()
    whole = Counter(realised(pool, Subset(6)(pool, rng=seeded())).tolist())
    assert set(whole.values()) <= {5, 6}
    treatment = Subset(6, "first half")(pool, rng=seeded())
    lengths = pool.store.lengths
    first, second = (
        taken(segment, lengths, room) for segment, room in zip(treatment.segments, (1200, 1800), strict=True)
    )
    assert set(Counter(first.tolist()).values()) <= {5, 6}
    assert len(set(second.tolist())) == len(second)
    assert not set(first.tolist()) & set(second.tolist())


@pytest.mark.parametrize("answers", ["same", "other"])
@pytest.mark.parametrize("place", ["apart", "inside"])
def test_a_share_of_the_prompts_is_repeated(make, answers, place):
    pool = make(tokens=10**6)  # all items are drawn
    got = texts(pool, RepeatedPrompts(ITEMS, 0.2, 5, answers, place)(pool, rng=seeded()))
    lines = [line for text in got for line in text.split("\n")]
    by_prompt = defaultdict(list)
    for line in lines:
        prompt, answer = line.rsplit(" ", 1)
        by_prompt[prompt].append(answer)
    assert Counter(len(each) for each in by_prompt.values()) == {1: 24, 5: 6}
    own = {item.prompt: item.answer for item in ITEMS}
    for prompt, given in by_prompt.items():
        assert own[prompt] in given
        assert len(set(given)) == (len(given) if answers == "other" else 1)
    assert len(got) == (30 if place == "inside" else 24 + 6 * 5)


def test_repetition_that_cannot_be_is_refused():
    with pytest.raises(InputError, match=r"share: must be in \[0, 1\] but is 2"):
        RepeatedPrompts(ITEMS, 2)
    with pytest.raises(InputError, match="answers: must be at least 9 different ones but are 7"):
        RepeatedPrompts(ITEMS, 0.5, 9, "other")


def test_deduplicated_keeps_one_of_a_group_and_none_that_the_rest_has(make):
    documents = corpus(60)
    texts_of = [document.text for document in documents]
    for copy, of in ((1, 2), (4, 5), (7, 0), (10, 11), (13, 14)):  # 0 stands in an untreated sequence
        texts_of[copy] = texts_of[of]
    documents = [document._replace(text=text) for document, text in zip(documents, texts_of, strict=True)]
    pool = make(documents, tokens=10**6)
    untreated = [i for i in pool.control.tolist() if i % 3 == 0]
    assert 0 in untreated
    got = realised(pool, Deduplicated()(pool, rng=seeded())).tolist()
    assert {texts_of[i] for i in got} == {texts_of[i] for i in pool.free} - {texts_of[i] for i in untreated}
    assert len(got) == len({texts_of[i] for i in got})
    near = realised(pool, Deduplicated(np.array([[16, 17], [17, 19], [20, 3]]))(pool, rng=seeded())).tolist()
    assert len({16, 17, 19} & set(near)) == 1
    assert set(near) | {16, 17, 19, 20} >= set(got)
    assert 20 not in near
    with pytest.raises(InputError, match="pairs: must name documents 0 to 59 but reach 2, 60"):
        Deduplicated(np.array([[2, 60]]))(pool, rng=seeded())


def test_normalised_rewrites_the_controls_own_documents_first(make):
    pool = make(tokens=1500)
    got = texts(pool, Normalised(ByText.alone(lambda text: f"<{text}>"))(pool, rng=seeded()))
    displaced = [pool.documents[i].text for i in pool.control if i % 3]
    assert got == [f"<{text}>" for text in displaced[: len(got)]]
    shorter = texts(pool, Normalised(ByText.alone(lambda text: text[:20]))(pool, rng=seeded()))
    assert shorter[: len(displaced)] == [text[:20] for text in displaced][: len(shorter)]
    assert len(shorter) > 1.5 * len(got)
    with pytest.raises(InputError, match=r"doc \d+: must still say something when rewritten but .* became nothing"):
        Normalised(ByText.alone(lambda text: ""))(pool, rng=seeded())


def test_normalised_tells_how_many_documents_are_the_controls(make):
    pool = make(tokens=1500)
    treatment = Normalised()(pool, rng=seeded())
    there = len(realised(pool, treatment))
    assert treatment.told == {"documents_of_the_control": there, "other_documents": 0}
    broad = make(tokens=5000)
    told = Normalised()(broad, rng=seeded()).told
    assert told["documents_of_the_control"] == sum(1 for i in broad.control if i % 3)
    assert told["other_documents"] > 0


def test_the_rules_change_spelling_and_nothing_else():
    assert (
        by_rules("\u201cOne\u201d \u2014 it\u2019s  \ufb01ne\u2026 \r\n\r\n\r\n\r\n two\t3 ")
        == '"One" - it\'s fine...\n\ntwo 3'
    )
    for text in ("plain words, 1 and 2.\n\nAnd more", ""):
        assert by_rules(text) == text


def test_novel_documents_have_the_controls_mix_and_none_of_its_documents(make):
    pool = make(corpus(3000), tokens=9000)
    got = realised(pool, NovelBroad()(pool, rng=seeded()))
    assert not set(got.tolist()) & set(pool.control.tolist())
    assert np.abs(shares(pool, got, pool.domains) - shares(pool, pool.control, pool.domains)).max() < 0.02


@pytest.mark.parametrize("intervention", [SecondDraw(), NovelBroad()])
def test_a_second_draw_and_new_documents_have_the_controls_lengths(make, intervention):
    """Long documents are seldom free where little is treated, and are taken all the same in the control's share."""
    documents = corpus(6000)
    pool = make(documents, tokens=9000)
    seldom = (pool.store.lengths > 64) & (seeded(6).random(6000) < 0.7)
    pool = replace(pool, free=pool.free[~seldom[pool.free]])
    labels = length_strata(pool.store.lengths)
    like = shares(pool, pool.control, labels)
    assert np.abs(shares(pool, pool.free, labels) - like).max() > 0.1
    assert np.abs(shares(pool, realised(pool, intervention(pool, rng=seeded())), labels) - like).max() < 0.03


def test_length_matched_has_the_lengths_of_the_other_treatment(make):
    pool = make(corpus(6000), tokens=9000)
    labels = length_strata(pool.store.lengths)
    of = ByScore(-np.abs(pool.store.lengths - 12.0), lengths=False)
    got = realised(pool, LengthMatched(of)(pool, rng=seeded()))
    plain = realised(pool, SecondDraw()(pool, rng=seeded()))
    target = shares(pool, realised(pool, of(pool, rng=seeded())), labels)
    assert np.abs(shares(pool, got, labels) - target).max() < 0.05
    assert np.abs(shares(pool, plain, labels) - target).max() > 0.3


def test_narrow_other_is_matched_in_entropy_and_epochs(make):
    pool = make(tokens=3000)
    rng = seeded(4)
    rare, common = "zqxj", "grey cats"
    source = [
        Document(f"n {i}", " ".join(rare if rng.random() < i / 400 else common for _ in range(12)), "n")
        for i in range(400)
    ]
    of = Subset(5)
    treatment = NarrowOther(source, of)(pool, rng=seeded(6))
    got, target = realised(pool, treatment), realised(pool, of(pool, rng=seeded(6)))
    mine, its = surprisal(treatment.written, pool), surprisal(pool.store, pool)
    lengths = treatment.written.lengths
    mean = mine[got - 400].sum() / lengths[got - 400].sum()
    wanted = its[target].sum() / pool.store.lengths[target].sum()
    assert mean == pytest.approx(wanted, abs=0.05)
    everything = mine.sum() / lengths.sum()
    assert abs(everything - wanted) > 0.3  # the source as it is would not do
    assert set(Counter(got.tolist()).values()) <= {4, 5, 6}
    with pytest.raises(InputError, match=r"source: must hold \d+ tokens to be repeated no more often but holds"):
        NarrowOther(source[:5], of)(pool, rng=seeded())


def test_too_few_documents_are_refused_with_what_can_be_had():
    lengths = np.full(10, 30)
    segment = Segment(np.arange(10))
    with pytest.raises(InputError) as caught:
        filled(segment, lengths, sequences=40, length=10, whole=4000, where="arms.x", rng=seeded())
    assert str(caught.value) == (
        "arms.x: must fill 400 tokens but the recipe gives 300 without further repetition; the budget can be at most "
        "3000 tokens at this dose, or the dose at most 0.75 of what it is"
    )


def test_mixing_cuts_the_last_document_alone():
    lengths = seeded().integers(5, 40, size=50)
    segment = Segment(np.arange(50))
    pieces = filled(segment, lengths, sequences=30, length=10, whole=300, where="a", rng=seeded())
    there = np.bincount(pieces.document, pieces.tokens, minlength=50)
    last = int(np.searchsorted(np.cumsum(lengths), 300))
    assert (there[:last] == lengths[:last]).all()
    assert 0 < there[last] <= lengths[last]
    assert not there[last + 1 :].any()
