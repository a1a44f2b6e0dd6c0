"""Numbers are read as they are meant: three digits, true minus signs, dashes where there is nothing."""

from __future__ import annotations

import math

import pytest

from benchshadow.report.numbers import counted, decimals, fixed, number, shown, signed, span


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (12, "12"),
        (0.6666, "0.667"),
        (10.24, "10.2"),
        (123.4, "123"),
        (-0.5, "−0.500"),
        (819200, "819\u202f200"),
        (1234.56, "1\u202f235"),
        (999.7, "1\u202f000"),
        (0.0000123, "1.23 × 10⁻⁵"),
        (-2.5e-13, "−2.50 × 10⁻¹³"),
        (None, "—"),
        (math.nan, "—"),
        (-math.inf, "—"),
    ],
)
def test_a_number(value, text):
    assert number(value) == text


def test_a_difference_always_carries_its_sign():
    assert [signed(each) for each in (0.25, -0.25, 0.0, None)] == ["+0.250", "−0.250", "0", "—"]


def test_a_range_is_one_number_where_its_ends_look_the_same():
    assert span(0.1, 0.2) == "0.100–0.200"
    assert span(-0.1, 0.2) == "−0.100 to 0.200"
    assert span(0.10001, 0.10002) == "0.100"
    assert span(None, 1.0) == "—"
    assert span(1.04, 2.0, 1) == "1.0–2.0"


def test_a_column_has_the_decimals_that_its_largest_value_needs():
    assert [decimals(each) for each in ([0.66, 0.02], [10.4, None], [123.0, math.nan], [0.0], [])] == [3, 1, 0, 0, 0]
    assert [fixed(each, 3) for each in (0.0259, -1234.5, None)] == ["0.026", "−1\u202f234.500", "—"]


def test_values_of_a_manifest_are_put_in_words():
    assert [shown(each) for each in (True, None, 0.5, "x", [1, 2])] == ["yes", "—", "0.500", "x", "1, 2"]
    assert shown({"a": 1, "b": [None]}) == "a 1, b —"
    assert shown(list(range(100))) == "100 values"
    assert [counted(1, "run"), counted(2, "run")] == ["1 run", "2 runs"]
