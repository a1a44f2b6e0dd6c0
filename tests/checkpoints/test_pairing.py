"""Base and tuned meet by name and shape; what meets nothing keeps its row and says why."""

import numpy as np
import pytest
from checkpoint_samples import matrix, written

from benchshadow.checkpoints import alone, layout, pair
from benchshadow.checkpoints.pairing import layouts
from benchshadow.errors import InputError

LLAMA = {"architectures": ["LlamaForCausalLM"], "tie_word_embeddings": False}


@pytest.fixture
def paired(tmp_path):
    """The pairs of two checkpoints with these tensors, by name."""

    def pairs(base, tuned):
        sides = [layout(written(tmp_path / name, each, LLAMA)) for name, each in (("base", base), ("tuned", tuned))]
        return {each.piece.name: each for each in pair(*sides)}

    return pairs


def test_other_prefixes_meet(paired):
    base, tuned = matrix((4, 3)), matrix((4, 3), 1)
    pairs = paired(
        {"model.layers.0.mlp.up_proj.weight": base}, {"model.language_model.layers.0.mlp.up_proj.weight": tuned}
    )
    (each,) = pairs.values()
    assert each.state == "matrix"
    assert each.shape == (4, 3)
    np.testing.assert_array_equal(each.sources()[0].rows(0, 4), base)
    np.testing.assert_array_equal(each.sources()[1].rows(0, 4), tuned)


@pytest.mark.parametrize(("before", "after"), [(6, 9), (9, 6)])
def test_a_resized_vocabulary_is_compared_on_the_common_rows(before, after, paired):
    name, head = "model.embed_tokens.weight", "lm_head.weight"
    pairs = paired(
        {name: matrix((before, 3)), head: matrix((before, 3))}, {name: matrix((after, 3), 1), head: matrix((after, 3))}
    )
    assert len(pairs) == 2
    for each in pairs.values():
        assert each.state == "matrix"
        assert each.shape == (6, 3)
        assert each.remark == (f"vocabulary resized from {before} x 3 to {after} x 3: the first 6 rows are compared")
        assert [source.shape for source in each.sources()] == [(6, 3), (6, 3)]
    np.testing.assert_array_equal(pairs["embed_tokens.weight"].sources()[1].rows(0, 6), matrix((after, 3), 1)[:6])


def test_what_does_not_meet_says_why(paired):
    up, down, gate = (f"model.layers.0.mlp.{side}_proj.weight" for side in ("up", "down", "gate"))
    embedding = "model.embed_tokens.weight"
    pairs = paired(
        {up: matrix((4, 3)), down: matrix((3, 4)), embedding: matrix((5, 3)), "old.weight": matrix((2, 2))},
        {up: matrix((4, 3)), down: matrix((4, 4)), embedding: matrix((5, 4)), gate: matrix((4, 3))},
    )
    assert {name: (each.state, each.reason) for name, each in pairs.items()} == {
        "layers.0.mlp.up_proj.weight": ("matrix", ""),
        "layers.0.mlp.down_proj.weight": (
            "refused",
            "must have one shape but is 3 x 4 in the base and 4 x 4 in the tuned",
        ),
        "embed_tokens.weight": ("refused", "must have one shape but is 5 x 3 in the base and 5 x 4 in the tuned"),
        "layers.0.mlp.gate_proj.weight": ("unmatched", "the base has no tensor of this name"),
        "old.weight": ("unmatched", "the tuned checkpoint has no tensor of this name"),
    }


def test_a_side_that_is_not_a_weight_matrix_is_said(paired):
    name = "model.layers.0.mlp.up_proj.weight"
    other = {"model.layers.0.mlp.down_proj.weight": matrix((2, 3))}
    pairs = paired({name: np.arange(6).reshape(2, 3), **other}, {name: matrix((2, 3)), **other})
    assert pairs["layers.0.mlp.up_proj.weight"].state == "unmatched"
    assert "in the base it is skipped (holds I64" in pairs["layers.0.mlp.up_proj.weight"].reason


def test_vectors_of_other_lengths_are_refused_and_a_vector_has_no_matrix_for_a_partner(paired):
    other = {"model.layers.0.mlp.down_proj.weight": matrix((2, 3))}
    pairs = paired(
        {"model.norm.weight": matrix((3,)), "b.weight": matrix((4,)), "c.weight": matrix((2, 2)), **other},
        {"model.norm.weight": matrix((4,)), "b.weight": matrix((4,)), "c.weight": matrix((4,)), **other},
    )
    assert {name: (each.state, each.reason) for name, each in pairs.items() if each.state != "matrix"} == {
        "norm.weight": ("refused", "must have one shape but is 3 in the base and 4 in the tuned"),
        "b.weight": ("skipped", "a vector: no spectrum"),
        "c.weight": ("refused", "must have one shape but is 2 x 2 in the base and 4 in the tuned"),
    }


def test_a_tied_head_of_the_base_serves_as_the_base_of_one_that_was_untied(tmp_path):
    embedding, head = "model.embed_tokens.weight", "lm_head.weight"
    tied = {embedding: matrix((5, 3)), head: matrix((5, 3))}
    base = layout(written(tmp_path / "base", tied, LLAMA | {"tie_word_embeddings": True}))
    tuned = layout(written(tmp_path / "tuned", {embedding: matrix((5, 3)), head: matrix((5, 3), 1)}, LLAMA))
    assert {each.piece.name: each.state for each in pair(base, tuned)} == {
        "embed_tokens.weight": "matrix",
        "lm_head.weight": "matrix",
    }


@pytest.mark.parametrize("config", [LLAMA | {"tie_word_embeddings": True}, {"tie_word_embeddings": True}])
def test_a_head_that_was_left_out_as_tied_is_compared_by_the_values_of_the_embedding(config, tmp_path):
    embedding, head = "model.embed_tokens.weight", "lm_head.weight"
    tied = layout(written(tmp_path / "tied", {embedding: matrix((5, 3))}, config))
    both = {embedding: matrix((5, 3), 1), head: matrix((7, 3), 2)}
    untied = layout(written(tmp_path / "untied", both, config | {"tie_word_embeddings": False}))
    forth = {each.piece.name: each for each in pair(tied, untied)}
    back = {each.piece.name: each for each in pair(untied, tied)}
    for pairs, where, sides in (
        (forth, "base", [matrix((5, 3)), matrix((7, 3), 2)[:5]]),
        (back, "tuned checkpoint", [matrix((7, 3), 2)[:5], matrix((5, 3))]),
    ):
        assert set(pairs) == {"embed_tokens.weight", head}
        assert pairs[head].state == "matrix"
        assert pairs[head].remark.startswith(
            f"tied in the {where}, where the values of 'model.embed_tokens.weight' stand for it; vocabulary resized"
        )
        for source, expected in zip(pairs[head].sources(), sides, strict=True):
            np.testing.assert_array_equal(source.rows(0, 5), expected)
        assert pairs["embed_tokens.weight"].remark == ""
    assert sum(each.tuned.parameters for each in forth.values() if each.tuned) == untied.parameters
    assert sum(each.tuned.parameters for each in back.values() if each.tuned) == tied.parameters


def test_a_copy_of_tied_weights_needs_no_partner(tmp_path):
    embedding, head = "model.embed_tokens.weight", "lm_head.weight"
    config = LLAMA | {"tie_word_embeddings": True}
    copied = layout(written(tmp_path / "copied", {embedding: matrix((5, 3)), head: matrix((5, 3))}, config))
    left_out = layout(written(tmp_path / "left_out", {embedding: matrix((5, 3), 1)}, config))
    for sides in ((copied, left_out), (left_out, copied), (copied, copied)):
        states = {each.piece.name: (each.state, each.reason) for each in pair(*sides)}
        assert states["embed_tokens.weight"] == ("matrix", "")
        assert states[head] == ("skipped", "tied: the same values as 'model.embed_tokens.weight', counted once")


def test_an_untied_head_is_compared_with_a_tied_copy(tmp_path):
    embedding, head = "model.embed_tokens.weight", "lm_head.weight"
    tied = {embedding: matrix((5, 3)), head: matrix((5, 3))}
    base = layout(written(tmp_path / "base", {embedding: matrix((5, 3)), head: matrix((5, 3), 1)}, LLAMA))
    tuned = layout(written(tmp_path / "tuned", tied, LLAMA | {"tie_word_embeddings": True}))
    pairs = {each.piece.name: each for each in pair(base, tuned)}
    assert pairs[head].state == "matrix"
    assert pairs[head].remark == "tied in the tuned checkpoint, a copy of another tensor there"
    np.testing.assert_array_equal(pairs[head].sources()[1].rows(0, 5), matrix((5, 3)))


def test_a_head_that_nothing_ties_has_no_partner(tmp_path):
    embedding, head = "model.embed_tokens.weight", "lm_head.weight"
    base = layout(written(tmp_path / "base", {embedding: matrix((5, 3))}, LLAMA))
    tuned = layout(written(tmp_path / "tuned", {embedding: matrix((5, 3), 1), head: matrix((5, 3), 2)}, LLAMA))
    assert {each.piece.name: each.state for each in pair(base, tuned)}[head] == "unmatched"


def test_a_grid_of_positions_is_no_vocabulary(tmp_path):
    name, other = "visual.pos_embed.weight", {"model.layers.0.mlp.up_proj.weight": matrix((4, 3))}
    base, tuned = (layout(written(tmp_path / str(n), other | {name: matrix((n, 3))}, LLAMA)) for n in (9, 16))
    (grid,) = [each for each in pair(base, tuned) if each.piece.name == name]
    assert grid.piece.role == "embedding"
    assert grid.reason == "must have one shape but is 9 x 3 in the base and 16 x 3 in the tuned"


def test_checkpoints_that_share_nothing_are_refused(paired, tmp_path):
    with pytest.raises(InputError) as caught:
        paired({"a.weight": matrix((2, 2)), "n": matrix((2,))}, {"b.weight": matrix((2, 2)), "n": matrix((2,))})
    assert str(caught.value) == (
        f"{tmp_path / 'tuned'}: must share at least one matrix by name and shape with {tmp_path / 'base'} but shares "
        "none; name the checkpoint that it was tuned from"
    )


def test_one_checkpoint_alone_keeps_all_its_pieces(tmp_path):
    base = layout(written(tmp_path / "m", {"a.weight": matrix((3, 2)), "n": matrix((2,))}))
    assert {each.piece.name: (each.state, each.tuned, each.rows) for each in alone(base)} == {
        "a.weight": ("matrix", None, 3),
        "n": ("skipped", None, 1),
    }


def test_a_checkpoint_without_a_configuration_is_read_by_that_of_the_other(tmp_path):
    phi = {"architectures": ["Phi3ForCausalLM"], "num_attention_heads": 2, "num_key_value_heads": 1}
    tensors = {"model.layers.0.self_attn.qkv_proj.weight": matrix((8, 3))}
    base, tuned = written(tmp_path / "base", tensors, phi), written(tmp_path / "tuned", tensors)
    for first, second in ((base, tuned), (tuned, base)):
        sides = layouts(first, second)
        assert [side.family for side in sides] == ["phi3", "phi3"]
        assert [each.state for each in pair(*sides)] == ["matrix"] * 3
        remarks = [remark for side in sides for remark in side.remarks]
        assert remarks == [f"{tmp_path / 'tuned'}: has no config.json, so that of {tmp_path / 'base'} is used"]
    assert [side.family for side in layouts(tuned, tuned)] == [None, None]
