"""Streams hold exactly their budget, and arms differ from the control in their treated sequences alone."""

from collections import Counter, defaultdict
from itertools import cycle

import numpy as np
import pytest
from data_samples import documents, seeded
from hypothesis import given, settings
from hypothesis import strategies as st

from benchshadow.data.documents import Document
from benchshadow.data.stream import Stream, describe, pack, replace, shuffle
from benchshadow.data.tokenization import encode, end_token, skills_tokenizer
from benchshadow.errors import InputError

TOKENIZER = skills_tokenizer()
END = end_token(TOKENIZER)


def packed(seed=0, sequences=12, length=16):
    return pack(iter(cycle(documents(40, seeded(seed)))), TOKENIZER, sequences=sequences, length=length)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 99), sequences=st.integers(1, 40), length=st.integers(1, 50))
def test_a_stream_is_its_documents_end_to_end_cut_to_exactly_the_budget(seed, sequences, length):
    stream = packed(seed, sequences, length)
    assert stream.ids.shape == stream.owners.shape == (sequences, length)
    assert stream.ids.dtype == stream.owners.dtype == np.int32
    expected, owners = [], []
    for index, document in enumerate(stream.documents):
        ids = [*encode(TOKENIZER, [document.text])[0], END]
        expected += ids
        owners += [index] * len(ids)
    assert len(expected) >= sequences * length > len(expected) - len(ids)  # no document that gave no token
    assert stream.ids.ravel().tolist() == expected[: sequences * length]
    assert stream.owners.ravel().tolist() == owners[: sequences * length]


def test_documents_that_end_too_early_are_refused():
    with pytest.raises(InputError, match=r"documents: must fill 100 tokens but ended after \d+"):
        pack(iter(documents(2, seeded())), TOKENIZER, sequences=10, length=10)


def test_shuffling_moves_whole_sequences_with_their_owners():
    stream = packed()
    mixed = shuffle(stream, seeded(3))
    before = Counter((tuple(i), tuple(o)) for i, o in zip(stream.ids.tolist(), stream.owners.tolist(), strict=True))
    after = Counter((tuple(i), tuple(o)) for i, o in zip(mixed.ids.tolist(), mixed.owners.tolist(), strict=True))
    assert before == after
    assert mixed.sha256 != stream.sha256
    assert mixed.sha256 == shuffle(stream, seeded(3)).sha256


def marked(sequences, length=4, document="treatment"):
    """A treatment whose every token is one that the control does not have."""
    shape = (sequences, length)
    ids = 1000 + np.arange(sequences, dtype=np.int32)[:, None] + np.zeros(shape, np.int32)
    return Stream(ids, np.zeros(shape, np.int32), (Document(document, document, document),))


def test_untreated_sequences_are_the_controls_and_doses_are_nested():
    control = Stream(
        np.arange(400, dtype=np.int32).reshape(100, 4), np.arange(400, dtype=np.int32).reshape(100, 4) // 4, ()
    )
    positions = []
    for dose in (0, 10, 50, 100):
        arm = replace(control, marked(dose), seeded(7))
        treated = (arm.ids >= 1000).all(axis=1)
        assert treated.sum() == dose
        assert np.array_equal(arm.ids[~treated], control.ids[~treated])
        assert np.array_equal(arm.owners[~treated], control.owners[~treated])
        assert (arm.ids[treated][:, 0] == 1000 + np.arange(dose)).all()
        positions.append(set(np.flatnonzero(treated).tolist()))
    assert positions[0] < positions[1] < positions[2] < positions[3]
    other = replace(control, marked(10, document="another arm"), seeded(7))
    assert set(np.flatnonzero((other.ids >= 1000).all(axis=1)).tolist()) == positions[1]
    assert (control.ids < 1000).all()


def test_owners_of_an_arm_lead_to_the_documents_of_both_streams():
    control, treatment = packed(1), packed(2, sequences=5)
    arm = replace(control, treatment, seeded())
    for ids, owners in zip(arm.ids, arm.owners, strict=True):
        for token, owner in zip(ids.tolist(), owners.tolist(), strict=True):
            assert token == END or token in encode(TOKENIZER, [arm.documents[owner].text])[0]
    assert {d.id for d in arm.documents} == {d.id for d in (*control.documents, *treatment.documents)}


@pytest.mark.parametrize(("sequences", "length"), [(13, 16), (5, 15)])
def test_a_treatment_that_does_not_fit_is_refused(sequences, length):
    with pytest.raises(InputError, match=f"must fit in the control's 12 x 16 tokens but is {sequences} x {length}"):
        replace(packed(), packed(1, sequences, length), seeded())


def counted(stream, reference):
    """The description again, token by token."""
    tokens, domains, lengths, ends, entropy = defaultdict(int), defaultdict(int), Counter(), 0, 0.0
    used = set()
    for token, owner in zip(stream.ids.ravel().tolist(), stream.owners.ravel().tolist(), strict=True):
        tokens[stream.documents[owner].id] += 1
        domains[stream.documents[owner].domain] += 1
        ends += token == END
        entropy -= np.log(reference[token])
        used.add(owner)
    epochs = Counter(Counter(stream.documents[owner].id for owner in used).values())
    for owner in used:
        size = len(stream.documents[owner].text)
        lengths[next((f"<{4**p}" for p in range(1, 11) if size < 4**p), "longer")] += 1
    total = stream.ids.size

    def effective(counts):
        return np.exp(-sum(n / total * np.log(n / total) for n in counts.values()))

    return {
        "end_tokens": ends,
        "unique_tokens": len(set(stream.ids.ravel().tolist())),
        "documents": len(used),
        "unique_documents": len(tokens),
        "epochs_per_document": {str(k): n for k, n in epochs.items()},
        "mean_epochs": len(used) / len(tokens),
        "domains": len(domains),
        "tokens_per_domain": dict(domains),
        "effective_domains": pytest.approx(effective(domains)),
        "effective_documents": pytest.approx(effective(tokens)),
        "characters_histogram": {name: lengths[name] for name in [*(f"<{4**p}" for p in range(1, 11)), "longer"]},
        "entropy_per_token": pytest.approx(entropy / total),
    }


@pytest.mark.parametrize("seed", range(3))
def test_what_a_stream_says_of_itself_is_what_a_count_finds(seed):
    stream = replace(shuffle(packed(seed, 20, 16), seeded(seed)), packed(seed + 10, 7, 16), seeded(seed))
    reference = seeded(seed).dirichlet(np.ones(TOKENIZER.get_vocab_size()))
    said = describe(stream, END, reference)
    assert said["budget"] == {
        "tokens": 320, "loss_bearing_tokens": 300, "sequences": 20, "length": 16, "padding": 0
    }  # fmt: skip
    assert said["reported"] == counted(stream, reference)


def test_long_texts_are_counted_as_longer_and_edges_belong_above():
    texts = ["a" * 3, "a" * 4, "a" * 4**10, "a" * (4**10 - 1)]
    docs = tuple(Document(str(i), text, "d") for i, text in enumerate(texts))
    stream = Stream(np.zeros((2, 2), np.int32), np.arange(4, dtype=np.int32).reshape(2, 2), docs)
    histogram = describe(stream, 0, np.ones(1))["reported"]["characters_histogram"]
    assert {key: n for key, n in histogram.items() if n} == {"<4": 1, "<16": 1, "<1048576": 1, "longer": 1}


def test_a_reference_with_an_impossible_token_is_refused():
    with pytest.raises(InputError, match="must be positive for every token but is not for 2"):
        describe(packed(), END, np.array([0.0, 1.0, 0.0]))
