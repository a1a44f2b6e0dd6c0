"""Long texts are read in windows that score every token once, with as much before it as was asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_models import TOKENIZER, logits_after, small

from benchshadow.data.tokenization import encode, end_token
from benchshadow.evaluate import read
from benchshadow.evaluate.reading import windows_of


@given(st.integers(1, 400), st.integers(2, 50), st.floats(0, 0.99), st.integers(0, 60))
def test_every_token_is_scored_once_and_late_ones_with_what_was_asked_before_them(length, longest, overlap, before):
    context, option = list(range(1000, 1001 + before)), list(range(length))
    scored = []
    for number, (tokens, first) in enumerate(windows_of(context, option, longest, overlap=overlap)):
        assert len(tokens) <= longest
        assert first >= 1
        scored += tokens[first:]
        if number:
            assert first >= min(longest - 1, max(1, round(overlap * longest)))
            assert tokens[:first] == scored[-len(tokens) :][:first] or tokens[0] in (*scored, *context)
    assert scored == option


def test_a_text_that_fits_is_one_window():
    assert windows_of([9], [1, 2, 3], 10, overlap=0.5) == [([9, 1, 2, 3], 1)]


@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5, 0.9])
def test_readings_in_strides_are_those_of_a_slow_reading(overlap):
    made, text = small(positions=24), "abcdefghponm" * 6
    tokens = [end_token(TOKENIZER), *encode(TOKENIZER, [text])[0]]
    again = max(1, round(overlap * 24))
    nats, at = 0.0, 1
    starts = [0, *(at - again for at in range(24, len(tokens), 24 - again))]
    for start in starts:
        while at < min(start + 24, len(tokens)):
            nats += float(logits_after(made, tokens[start:at]).log_softmax(-1)[tokens[at]])
            at += 1
    found = read(made, TOKENIZER, [("", text)], overlaps=[overlap])[0]
    assert found.nats == pytest.approx(nats, abs=1e-3)
    assert found.tokens == len(tokens) - 1
