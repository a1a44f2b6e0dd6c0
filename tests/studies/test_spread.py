"""The spread of a change over a model has its closed forms, and stands beside that of an even update."""

import numpy as np
import pytest

from benchshadow.errors import InputError
from benchshadow.studies.footprints.spread import Amounts, Place, profiles, shares, spreads

ROLES = ("attention.query", "mlp.up")


def model(layers=12, towers=("language",), change=None, base=None, parameters=None):
    """Two matrices in every block; every amount is one where it is not given."""
    places = [
        Place(tower, role, "layers", layer, layer / (layers - 1))
        for tower in towers
        for layer in range(layers)
        for role in ROLES
    ]
    ones = np.ones(len(places))
    given = [ones if each is None else np.array([float(each(place)) for place in places]) for each in (change, base)]
    sizes = ones if parameters is None else np.array([float(parameters(place)) for place in places])
    return Amounts(places, given[0], given[1], sizes)


def of(amounts, amount="energy", grouping="layer"):
    (found,) = [each for each in spreads(amounts) if (each.amount, each.grouping) == (amount, grouping)]
    return found


@pytest.mark.parametrize("amount", ["energy", "relative"])
def test_an_even_change_is_spread_over_everything(amount):
    amounts = model(layers=12, towers=("language", "vision"))
    for grouping, groups in (("layer", 24), ("role", 2), ("tower", 2)):
        found = of(amounts, amount, grouping)
        assert found.groups == groups
        assert found.effective == pytest.approx(groups)
        assert found.gini == pytest.approx(0, abs=1e-12)
        assert found.depth == pytest.approx(0.5)
        assert (found.even_effective, found.even_gini, found.even_depth) == pytest.approx((groups, 0, 0.5), abs=1e-12)


@pytest.mark.parametrize("layers", [2, 5, 40])
def test_a_change_in_one_layer_has_one_effective_layer_and_the_largest_gini(layers):
    for layer in (0, layers - 1):
        found = of(model(layers, change=lambda place, layer=layer: place.layer == layer))
        assert found.effective == pytest.approx(1)
        assert found.gini == pytest.approx((layers - 1) / layers)
        assert found.depth == pytest.approx(layer / (layers - 1))


def test_a_linear_profile_has_the_gini_and_the_centre_of_a_ramp():
    layers = 101
    found = of(model(layers, change=lambda place: place.layer))
    assert found.gini == pytest.approx((layers + 1) / (3 * layers))
    # Mean of x^2 over mean of x for x = 0, 1/100 ... 1.
    assert found.depth == pytest.approx((2 * layers - 1) / (3 * (layers - 1)))
    parts = np.arange(1, layers) / np.arange(layers).sum()
    assert found.effective == pytest.approx(np.exp(-np.sum(parts * np.log(parts))))


def test_the_baseline_is_what_the_even_update_itself_would_show():
    rng = np.random.default_rng(0)
    size = dict(zip(ROLES, (100, 400), strict=True))
    amounts = model(
        6, change=lambda _: rng.random(), base=lambda place: place.layer + 1, parameters=lambda place: size[place.role]
    )
    even = Amounts(amounts.places, 0.01 * amounts.parameters, amounts.base, amounts.parameters)
    for found, itself in zip(spreads(amounts), spreads(even), strict=True):
        assert found.even_effective == pytest.approx(itself.effective)
        assert found.even_gini == pytest.approx(itself.gini, abs=1e-12)
        assert found.even_depth == pytest.approx(itself.depth)
        assert itself.effective == pytest.approx(itself.even_effective)
    assert of(amounts, "energy", "role").even_effective == pytest.approx(np.exp(-0.2 * np.log(0.2) - 0.8 * np.log(0.8)))


def test_relative_change_weighs_a_matrix_by_its_own_size():
    amounts = model(4, change=lambda place: 4.0**place.layer, base=lambda place: 4.0**place.layer)
    assert of(amounts, "relative").effective == pytest.approx(4)
    assert of(amounts, "energy").effective < 2.5
    assert of(amounts, "relative").even_depth < 0.2


@pytest.mark.parametrize("factor", [1e-150, 1e150])
def test_no_number_moves_with_the_unit_of_the_weights(factor):
    amounts = model(5, change=lambda place: place.layer + 1)
    scaled = Amounts(amounts.places, factor * amounts.energy, factor * amounts.base, amounts.parameters)
    for one, other in zip(spreads(amounts), spreads(scaled), strict=True):
        assert other.effective == pytest.approx(one.effective)
        assert other.depth == pytest.approx(one.depth)


def test_layers_of_two_towers_are_not_one_layer():
    amounts = model(3, towers=("language", "vision"), change=lambda place: place.layer == 1)
    found = of(amounts)
    assert found.groups == 6
    assert found.effective == pytest.approx(2)


def test_layers_of_two_stacks_in_one_tower_are_not_one_layer():
    places = [
        Place("language", "mlp.up", stack, layer, float(layer)) for stack in ("encoder", "decoder") for layer in (0, 1)
    ]
    amounts = Amounts(places, np.ones(4), np.ones(4), np.ones(4))
    assert of(amounts).effective == pytest.approx(4)
    assert [(each.stack, each.layers) for each in profiles(amounts) if each.role == "all"] == [
        ("encoder", 2),
        ("decoder", 2),
    ]


def test_shares_sum_to_one_and_name_their_groups():
    amounts = model(3, change=lambda place: 1 + (place.role == "mlp.up"), parameters=lambda place: 1 + place.layer)
    found = shares(amounts, "energy", "role")
    assert [(each.group, each.value) for each in found] == [
        ("attention.query", pytest.approx(1 / 3)),
        ("mlp.up", pytest.approx(2 / 3)),
    ]
    layers = shares(amounts, "relative", "layer")
    assert [each.group for each in layers] == [("language", "layers", layer) for layer in range(3)]
    assert [each.even for each in layers] == pytest.approx([1 / 6, 2 / 6, 3 / 6])
    assert sum(each.value for each in layers) == pytest.approx(1)


def test_a_base_of_zeros_has_no_relative_change_and_is_counted():
    amounts = model(4, base=lambda place: place.layer > 0)
    assert of(amounts, "relative").left_out == 2
    assert of(amounts, "relative").groups == 3
    assert of(amounts, "energy").left_out == 0


def test_without_any_change_there_is_no_spread():
    unchanged = model(4, change=lambda _: 0)
    assert spreads(unchanged) == []
    assert shares(unchanged, "energy", "layer") == []
    assert profiles(unchanged)[0].values == (0.0,) * 11
    nothing = Amounts([], np.zeros(0), np.zeros(0), np.zeros(0))
    assert spreads(nothing) == profiles(nothing) == []


@pytest.mark.parametrize("layers", [11, 21, 7, 2])
def test_a_profile_linear_in_depth_is_the_same_in_models_of_every_depth(layers):
    amounts = model(layers, change=lambda place: (1 + place.depth) ** 2)
    found = {profile.role: profile for profile in profiles(amounts)}
    assert list(found) == ["all", *ROLES]
    for profile in found.values():
        assert profile.layers == layers
        assert profile.depths == pytest.approx(np.linspace(0, 1, 11))
        assert profile.values == pytest.approx(1 + np.linspace(0, 1, 11))
        assert profile.even == pytest.approx([profile.even[0]] * 11)


def test_a_profile_pools_what_stands_in_one_block_and_does_not_reach_beyond_its_blocks():
    places = [Place("language", "expert", "layers", layer, depth) for layer, depth in ((1, 0.35), (1, 0.35), (2, 0.65))]
    amounts = Amounts(places, np.array([1.0, 0.0, 9.0]), np.array([1.0, 3.0, 1.0]), np.ones(3))
    found = profiles(amounts)[1]
    assert found.layers == 2
    assert found.values[:4] == (None,) * 4
    assert found.values[7:] == (None,) * 4
    np.testing.assert_allclose(found.values[4:7], np.interp([0.4, 0.5, 0.6], [0.35, 0.65], [0.5, 3.0]))


def test_the_even_profile_holds_the_energy_of_the_change():
    amounts = model(3, change=lambda place: place.layer, parameters=lambda place: 1 + place.layer)
    pooled = profiles(amounts, depths=3)[0]
    assert np.array(pooled.even) ** 2 == pytest.approx(np.array([1, 2, 3]) / 2)


def test_amounts_that_do_not_fit_their_places_are_refused():
    places = [Place("language", "mlp.up", "layers", 0, 0.0)]
    one = np.ones(1)
    with pytest.raises(InputError, match=r"amounts\.base: must hold 1 finite numbers, none below zero"):
        Amounts(places, one, np.ones(2), one)
    with pytest.raises(InputError, match=r"amounts\.energy: must hold 1 finite numbers"):
        Amounts(places, -one, one, one)
    with pytest.raises(InputError, match="grouping: must be one of layer, role, tower but is 'block'"):
        shares(model(2), "energy", "block")
