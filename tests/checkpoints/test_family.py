"""A family file says the role of every tensor of its architectures, once."""

import pytest
import vision_models
from family_models import MODELS, made

from benchshadow.checkpoints import families, family_of
from benchshadow.checkpoints.family import parse_family
from benchshadow.checkpoints.line import SPLITS, TOWERS
from benchshadow.errors import InputError


def family(tensors, more=""):
    """A family with these lines."""
    return parse_family("mine", f'architectures = ["A"]\n{more}\n[tensors]\n{tensors}')


def test_every_architecture_of_every_family_of_language_models_has_a_model_here():
    named = {name for each in families() if each.name not in vision_models.FAMILIES for name in each.architectures}
    assert named == {type(made(name)).__name__ for name in MODELS}


def test_no_two_families_serve_one_architecture():
    named = [name for each in families() for name in each.architectures]
    assert len(named) == len(set(named))


@pytest.mark.parametrize("config", [None, {}, {"architectures": "LlamaForCausalLM"}, {"architectures": [["x"], None]}])
def test_a_configuration_that_names_no_known_architecture_has_no_family(config):
    assert family_of(config) is None


def test_a_tensor_that_two_lines_match_is_named():
    mine = family('"a.{layer}.w" = "mlp.up"\n"a.0.w" = "mlp.down"')
    assert mine.match("a.1.w") is not None
    with pytest.raises(
        InputError, match=r"mine.toml: must match tensor 'a.0.w' by one line but has 'a.\{layer\}.w' and"
    ):
        mine.match("a.0.w")


def test_holes_stand_for_whole_numbers_between_dots():
    mine = family('"a.{layer}.b.{expert}.w" = "expert.up"\n"a.{layer}.b.0.x" = "mlp.up"\n"w" = "head"')
    found = [mine.match(name) for name in ("a.12.b.3.w", "a.4.b.0.x", "w")]
    assert [(each.line, each.numbers, each.layer) for each in found if each] == [
        (mine.lines[0], {"layer": 12, "expert": 3}, 12),
        (mine.lines[1], {"layer": 4}, 4),
        (mine.lines[2], {}, None),
    ]
    for name in ("a.x.b.3.w", "a..b.3.w", "a.1.b.3.w.w", "w2", "a.1.b.1.x", "a.1.b.1xw", "a.1234567.b.3.w"):
        assert mine.match(name) is None


def test_tables_and_lines_may_name_their_tower():
    mine = family('"v.{layer}.w" = {role = "mlp.up", tower = "vision"}\n"w" = "head"\n[projector]\n"p" = "projector"')
    assert {line.pattern: line.tower for line in mine.lines} == {
        "v.{layer}.w": "vision",
        "w": "language",
        "p": "projector",
    }


PARTS = 'into = {"q" = "attention.query", "k" = "attention.key"}'
THREE = 'into = {"q" = "attention.query", "k" = "attention.key", "v" = "attention.value"}'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", "must be TOML"),
        ('[tensors]\n"a" = "head"\n"a" = "head"', "must be TOML"),
        ('layers = 3\n[tensors]\n"a" = "head"', "other but holds 'layers'"),
        ('architectures = "A"\n[tensors]\n"a" = "head"', "architectures must be a list of names but is 'A'"),
        ('architectures = ["A"]', "must have a table of tensors"),
        ('architectures = ["A"]\ntensors = 3', "tensors must be a table but is 3"),
        ('architectures = ["A"]\nblocks = 3\n[tensors]\n"a" = "head"', "blocks must be the name of a setting but is 3"),
        ('architectures = ["A"]\ntower = "up"\n[tensors]\n"a" = "head"', f"must be one of {', '.join(TOWERS)}"),
        ('architectures = ["A"]\nheads = 3\n[tensors]\n"a" = "head"', "heads must hold queries and keys"),
        ('architectures = ["A"]\nheads = {queries = 3, keys = "k"}\n[tensors]\n"a" = "head"', "but hold 3"),
        ('architectures = ["A"]\nrenames = {"^" = "x"}\n[tensors]\n"a" = "head"', "renames must be runs of parts"),
    ],
)
def test_what_a_family_file_may_not_say_is_refused(text, said):
    with pytest.raises(InputError) as caught:
        parse_family("mine", text)
    assert str(caught.value).startswith("mine.toml: ")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('"a" = 3', "must be a role, or a table with a role or parts, but is 3"),
        ('"a" = {tower = "vision"}', "must be a role, or a table with a role or parts"),
        ('"a" = {role = "head", x = 1}', "fused but holds 'x'"),
        ('"a" = "Head 1"', "must be words joined by dots but is 'Head 1'"),
        ('"a" = {role = "head", tower = 3}', "must be one of language"),
        ('"a" = {role = "head", skip = 3}', "skip of 'a' must be text but is 3"),
        ('"a" = {role = "head", transpose = "yes"}', "transpose of 'a' must be true or false but is 'yes'"),
        ('"a.{block}" = "head"', "may hold {expert}, {index}, {layer}, each once and between dots, and no other hole"),
        ('"a.{layer}.{layer}" = "head"', "each once"),
        ('"a{layer}" = "head"', "between dots"),
        ('"a.{" = "head"', "no other hole"),
        ('"a" = {role = "head", split = "equal"}', "must have split and into together"),
        (f'"a" = {{role = "head", split = "equal", {PARTS}}}', "and then no role or name of its own"),
        (f'"a" = {{split = "even", {PARTS}}}', f"must be one of {', '.join(SPLITS)} but is 'even'"),
        (f'"a" = {{split = "sizes", {PARTS}}}', "must have sizes, and may have times, where it is split by sizes"),
        (f'"a" = {{split = "equal", times = "n", {PARTS}}}', "must have sizes, and may have times"),
        (f'"a" = {{split = "sizes", sizes = ["x"], {PARTS}}}', "must be split into 1 but is into 2"),
        (f'"a" = {{split = "grouped", {PARTS}}}', "must be split into 3 but is into 2"),
        ('"a" = {split = "equal", into = {"q" = "attention.query"}}', "must be split into two or more but is into 1"),
        (f'"a" = {{split = "heads", {THREE}}}', "splits by heads, so it must have a table of heads"),
        ('"a" = {role = "expert.up", unstack = "layer"}', "unstack of 'a' must be one of expert, index"),
        ('"a.{expert}" = {role = "expert.up", unstack = "expert"}', "must be unstacked by a hole of its own"),
        ('"a.{layer}" = {role = "mlp.up", name = "b"}', "the name 'b' of 'a.{layer}' must have the holes ['{layer}']"),
        ('"a" = {role = "expert.up", unstack = "expert", name = "b"}', "must have the holes ['{expert}']"),
    ],
)
def test_what_a_line_may_not_say_is_refused(line, said):
    with pytest.raises(InputError) as caught:
        family(line)
    assert str(caught.value).startswith("mine.toml: ")
    assert said in str(caught.value)
