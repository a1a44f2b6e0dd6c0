"""The registry refuses at import what it does not understand."""

import pytest

from benchshadow._registry import Registry
from benchshadow.spectra import diagnostics

SAID = {"title": "t", "unit": "u", "source": "s", "tells_not": "n"}


def register(registry, name="rank", **settings):
    def function(spectrum):
        return spectrum

    function.__name__ = name
    return registry(**(SAID | settings))(function)


def test_a_registered_function_is_given_back_unchanged_and_found_by_name():
    registry = Registry()
    function = register(registry, unaffected_by={"scale"}, parameters=(0.5,))
    entry = registry["rank"]
    assert entry.function is function
    assert entry.unaffected_by == {"scale"}
    assert [each.name for each in registry.of("matrix")] == ["rank"]
    assert registry.of("change") == []
    assert len(registry) == 1


def test_two_of_one_name_are_refused():
    registry = Registry()
    register(registry)
    with pytest.raises(TypeError, match="two diagnostics are named 'rank'"):
        register(registry)


def test_an_unknown_law_is_refused_by_name():
    with pytest.raises(TypeError, match=r"holds .'rotatoin'."):
        register(Registry(), unaffected_by={"scale", "rotatoin"})


def test_an_unknown_subject_is_refused():
    with pytest.raises(TypeError, match="but is 'vector'"):
        register(Registry(), subject="vector")


@pytest.mark.parametrize("key", SAID)
def test_a_silent_diagnostic_is_refused(key):
    with pytest.raises(TypeError, match=f"must say its {key}"):
        register(Registry(), **{key: " "})


def test_every_rank_of_a_matrix_has_its_signed_change():
    names = {entry.name for entry in diagnostics()}
    ranks = [entry.name for entry in diagnostics() if entry.subject == "matrix" and entry.unit == "dimensions"]
    assert ranks
    assert {f"{name}_change" for name in ranks} <= names
