"""Rates, checkpoints and budgets are the numbers that the settings promise."""

import math

import pytest
from pydantic import ValidationError
from training_samples import ARCHITECTURE, setting

from benchshadow.train import Architecture, Settings


def test_the_rate_warms_up_linearly_and_falls_by_half_a_cosine():
    settings = setting(steps=110, warmup=10, learning_rate=2.0, final_share=0.1)
    assert [settings.rate(at) for at in range(10)] == pytest.approx([0.2 * (at + 1) for at in range(10)])
    assert settings.rate(10) == pytest.approx(2.0)
    assert settings.rate(60) == pytest.approx(2.0 * (0.1 + 0.9 / 2))
    assert settings.rate(35) == pytest.approx(2.0 * (0.1 + 0.9 * (1 + math.sqrt(0.5)) / 2))
    assert settings.rate(110) == pytest.approx(0.2)
    rates = [settings.rate(at) for at in range(10, 110)]
    assert rates == sorted(rates, reverse=True)


def test_a_constant_rate_is_constant_after_its_warm_up():
    settings = setting(steps=20, warmup=4, learning_rate=2.0, schedule="constant")
    assert [settings.rate(at) for at in range(20)] == pytest.approx([0.5, 1.0, 1.5] + [2.0] * 17)
    assert setting(warmup=0, learning_rate=2.0, schedule="constant").rate(0) == 2.0


@pytest.mark.parametrize(
    ("steps", "checkpoints", "expected"),
    [(200, 6, (6, 12, 25, 50, 100, 200)), (1000, 1, (1000,)), (8, 4, (1, 2, 4, 8)), (3, 9, (1, 2, 3)), (1, 3, (1,))],
)
def test_checkpoints_are_log_spaced_and_end_with_the_last_step(steps, checkpoints, expected):
    assert setting(steps=steps, checkpoints=checkpoints).checkpoint_steps() == expected


def test_the_budget_is_the_product():
    assert setting(steps=7, sequences=5, length=16).tokens == 560


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"learning_rate": 0}, "greater than 0"),
        ({"steps": 0}, "greater than or equal to 1"),
        ({"schedule": "linear"}, "'cosine' or 'constant'"),
        ({"learning_rte": 1}, "Extra inputs are not permitted"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes, said):
    with pytest.raises(ValidationError, match=said):
        Settings.model_validate({"steps": 1, "sequences": 1, "length": 8, "learning_rate": 0.1, **changes})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"heads": 3}, "hidden_size must be a multiple of twice the heads .* but is 16 with 3 heads"),
        ({"heads": 16}, "but is 16 with 16 heads"),
        ({"heads": 4, "key_value_heads": 3}, "heads must be a multiple of key_value_heads but is 4 with 3"),
    ],
)
def test_heads_must_fit(changes, said):
    with pytest.raises(ValidationError, match=said):
        Architecture.model_validate({**ARCHITECTURE.model_dump(), **changes})
