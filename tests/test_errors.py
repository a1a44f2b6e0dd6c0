"""Errors cross from one process to another with all that they say."""

import pickle

import pytest

from benchshadow.errors import InputError, MissingExtra, TensorRefused


@pytest.mark.parametrize("kind", [InputError, TensorRefused])
def test_an_error_survives_the_way_between_processes(kind):
    error = kind("a.safetensors", "must be finite but is not", "fetch it again")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == str(error) == "a.safetensors: must be finite but is not; fetch it again"
    assert (again.where, again.problem, again.remedy) == (error.where, error.problem, error.remedy)


def test_a_missing_extra_survives_it_too():
    error = MissingExtra("a report", "report")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
