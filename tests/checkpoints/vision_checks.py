"""What holds for the layout of every model, whatever its family: each asserts one law on a saved model."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from math import prod

import numpy as np
from vision_models import Saved

from benchshadow.checkpoints import Family, Layout, family_of, open_checkpoint
from benchshadow.checkpoints.names import canonical_names


def every_parameter_lies_in_one_piece(saved: Saved) -> None:
    """Nothing guessed, refused or counted twice; every stored value in a piece; as many as the model has."""
    found, checkpoint = saved.found, open_checkpoint(saved.folder)
    assert found.remarks == ()
    assert [piece.name for piece in found.pieces if piece.guessed or piece.state == "refused"] == []
    assert max(Counter(piece.name for piece in found.pieces).values()) == 1
    held = Counter[str]()
    for piece in found.pieces:
        held[piece.tensor] += prod(piece.shape)
    assert held == {name: prod(checkpoint.shape(name)) for name in checkpoint.names()}
    assert found.parameters == sum(weight.numel() for weight in saved.model.parameters())


def no_value_is_lost_or_read_twice(saved: Saved) -> None:
    """Sums of squares over the pieces are the model's."""
    read = sum(np.square(piece.source().rows(0, piece.matrix[0]), dtype=float).sum() for piece in saved.found.pieces)
    own = sum(float(weight.detach().double().square().sum()) for weight in saved.model.parameters())
    np.testing.assert_allclose(read, own, rtol=1e-12)


def pieces_bear_the_names_of_the_modules(saved: Saved) -> None:
    """A whole tensor has the name and the values of a parameter of the model, whatever name the file has for it."""
    family = family_of(open_checkpoint(saved.folder).config)
    assert family is not None
    own = dict(saved.model.named_parameters())
    names = {new: old for old, new in canonical_names(own, family.renames).items()}
    whole = [piece for piece in saved.found.pieces if piece.cut.runs is None]
    assert whole
    for piece in whole:
        wanted = own[names[piece.name]].detach().numpy()
        wanted = wanted.T if piece.cut.transposed else wanted.reshape(piece.matrix)
        np.testing.assert_array_equal(piece.source().rows(0, piece.matrix[0]), wanted)


def blocks_are_numbered_from_zero_to_one(saved: Saved) -> None:
    """The first block of every stack has depth 0 and its last 1."""
    depths = defaultdict(set)
    for piece in saved.found.pieces:
        if piece.layer is not None:
            depths[piece.tower, piece.stack].add((piece.layer, piece.depth))
    assert depths
    for layers in depths.values():
        last = len(layers) - 1
        assert sorted(layers) == [(layer, layer / last) for layer in range(last + 1)]


_CALLED = {
    "query": r"q_proj|query|q",
    "key": r"k_proj|key|k",
    "value": r"v_proj|value|v",
    "output": r"o_proj|out_proj|projection_layer|attn\.proj|attn\.Wo|attention\.output\.dense|o",
    "gate": r"gate_proj|wi_0",
    "up": r"up_proj|fc1|linear_fc1|wi|wi_1|intermediate\.dense",
    "down": r"down_proj|fc2|linear_fc2|wo|mlp\.Wo|(?<!attention\.)output\.dense",
}


def roles_are_those_that_modules_are_called_by(saved: Saved) -> None:
    """The role of every matrix by the words of its name, as the model's code says it."""
    for piece in saved.found.pieces:
        if piece.state != "matrix":
            continue
        embeds = re.search(r"embed|shared\.|relative_attention", piece.name)
        assert piece.role.startswith("embedding") == bool(embeds), piece.name
        assert ("patch" in piece.role) == ("patch" in piece.name)
        if not piece.inside_blocks and not piece.role.startswith("pooler."):
            continue
        called = [role for role, words in _CALLED.items() if re.search(rf"\.({words})\.weight$", piece.name)]
        assert [piece.role.split(".")[-1]] == called, piece.name
        part = "mlp" if called[0] in ("gate", "up", "down") else "attention"
        assert piece.role.startswith(part if piece.inside_blocks else "pooler"), piece.name
        assert ("cross" in piece.role) == ("EncDecAttention" in piece.name)


def vectors_are_norms_biases_or_tokens(saved: Saved) -> None:
    """What has one side is called by its name; a classifier of one class is one row of a matrix."""
    for piece in saved.found.pieces:
        if piece.is_vector and piece.role != "classifier":
            norm = re.search(r"norm|layrnorm|ln_q", piece.name.lower())
            called = "bias" if piece.name.endswith(".bias") else "norm" if norm else "vector"
            assert piece.role == called, piece.name
            assert piece.parameters == prod(piece.shape)


def unmet_lines(family: Family, seen: Iterable[Layout]) -> set[str]:
    """Patterns that no tensor met; those of buffers, of copies and of what no model reads are left out."""
    met = set[str]()
    for found in seen:
        for name in canonical_names({piece.tensor for piece in found.pieces}, family.renames).values():
            matched = family.match(name)
            met |= {matched.line.pattern} if matched else set()
    spared = {line.pattern for line in family.lines if line.role == "buffer" or line.tied or line.skip}
    return {line.pattern for line in family.lines} - met - spared


def roles(found: Layout, tower: str) -> set[str]:
    """Roles of the matrices of a tower."""
    return {piece.role for piece in found.pieces if piece.tower == tower and piece.state == "matrix"}


def names(found: Layout) -> dict[str, tuple[str, str, tuple[int, ...]]]:
    """Tower, role and shape of every piece by its name: what two layouts of one model must share."""
    return {piece.name: (piece.tower, piece.role, piece.shape) for piece in found.pieces if piece.parameters}


LAWS = (
    every_parameter_lies_in_one_piece,
    no_value_is_lost_or_read_twice,
    pieces_bear_the_names_of_the_modules,
    blocks_are_numbered_from_zero_to_one,
    roles_are_those_that_modules_are_called_by,
    vectors_are_norms_biases_or_tokens,
)
"""All that is asserted of every model."""
