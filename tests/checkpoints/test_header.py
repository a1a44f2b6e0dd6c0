"""A header is read whole or refused in one sentence, whatever is wrong with it."""

import json
import os
import re
import tracemalloc

import numpy as np
import pytest
from checkpoint_samples import entry, raw_file, refusal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from benchshadow.checkpoints.header import BITS, read_header
from benchshadow.errors import InputError

TENSORS = {
    "b": np.arange(6, dtype=np.float32).reshape(2, 3),
    "a": np.ones((3, 1, 2), np.float16),
    "scalar": np.array(2.0),
    "none": np.zeros((0, 4), np.float32),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A file of four small tensors, with metadata."""
    path = tmp_path_factory.mktemp("whole") / "a.safetensors"
    save_file(TENSORS, path, {"format": "pt"})
    return path


def test_names_types_and_shapes_are_those_of_the_safetensors_library(whole):
    entries = read_header(whole)
    with safe_open(whole, "np") as theirs:
        assert set(entries) == set(theirs.keys())
        for name, found in entries.items():
            view = theirs.get_slice(name)
            assert (found.code, list(found.shape)) == (view.get_dtype(), view.get_shape())
    data = whole.read_bytes()
    found = entries["b"]
    np.testing.assert_array_equal(np.frombuffer(data[found.start : found.stop], "<f4").reshape(2, 3), TENSORS["b"])


def test_a_file_cut_after_any_byte_is_refused(whole, tmp_path):
    data, cut = whole.read_bytes(), tmp_path / "cut.safetensors"
    for size in range(len(data)):
        cut.write_bytes(data[:size])
        refusal(cut)


def test_a_file_with_bytes_to_spare_is_refused(whole, tmp_path):
    longer = tmp_path / "long.safetensors"
    longer.write_bytes(whole.read_bytes() + b"\0")
    assert "but the file has" in refusal(longer)


def test_a_truncated_file_is_told_to_be_fetched_again(whole, tmp_path):
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(whole.read_bytes()[:-1])
    assert refusal(cut).endswith("the file is truncated: fetch it again")


DEEP = b"[" * 100_000
BROKEN = {
    "not JSON": (b"{", b"", "must be JSON"),
    "not UTF-8": (b'{"\xff": 1}', b"", "must be JSON"),
    "not an object": ([1], b"", "must be a JSON object but is [1]"),
    "too deep": (DEEP, b"", "nested too deep"),
    "NaN": (b'{"a": NaN}', b"", "holds NaN"),
    "a number of many digits": (b'{"a": ' + b"9" * 5000 + b"}", b"", "must be JSON"),
    "a key twice": (
        b'{"a": {"dtype":"F32","shape":[0],"data_offsets":[0,0]}, "a": 1}',
        b"",
        "every key once but holds 'a' twice",
    ),
    "half a character": (b'{"\\ud800": 1}', b"", "must hold names in Unicode"),
    "an entry that is no object": ({"a": 3}, b"", "must have dtype, shape and data_offsets but is 3"),
    "an entry with more": ({"a": entry() | {"x": 1}}, bytes(8), "must have dtype, shape and data_offsets"),
    "an unknown type": ({"a": entry("F33")}, bytes(8), "but is 'F33'"),
    "a type that is a list": ({"a": entry(["F32"])}, bytes(8), "dtype must be one of"),
    "a negative side": ({"a": entry(shape=(-2,))}, bytes(8), "but is [-2]"),
    "a side with a fraction": ({"a": entry(shape=(2.0,))}, bytes(8), "but is [2.0]"),
    "a side that is true": ({"a": entry(shape=(True,))}, bytes(8), "but is [True]"),
    "a side above any file": ({"a": entry(shape=(2**63,))}, bytes(8), "sizes but is"),
    "many sides": ({"a": entry(shape=(1,) * 33)}, bytes(8), "at most 32 sizes"),
    "a shape that is a word": ({"a": entry(shape="2")}, bytes(8), "but is '2'"),
    "three offsets": ({"a": entry(offsets=(0, 8, 8))}, bytes(8), "data_offsets must be a start and a stop"),
    "offsets in reverse": ({"a": entry(offsets=(8, 0))}, bytes(8), "data_offsets must be a start and a stop"),
    "too few bytes": ({"a": entry(offsets=(0, 4))}, bytes(8), "needs 8 bytes but data_offsets give 4"),
    "sides that multiply beyond 64 bits": ({"a": entry(shape=(2**62, 2**62))}, bytes(8), "bytes but data_offsets give"),
    "an overlap": ({"a": entry(), "b": entry(offsets=(4, 12))}, bytes(12), "overlaps 'a'"),
    "a hole": ({"a": entry(), "b": entry(offsets=(12, 20))}, bytes(20), "leaves a hole after 'a'"),
    "a hole at the start": ({"a": entry(offsets=(4, 12))}, bytes(12), "leaves a hole after the header"),
    "too little data": ({"a": entry()}, bytes(7), "the file is truncated"),
    "no tensor": ({"__metadata__": {}}, b"", "must hold at least one tensor"),
}


@pytest.mark.parametrize(("header", "data", "said"), BROKEN.values(), ids=BROKEN.keys())
def test_every_broken_rule_is_named_with_its_value(header, data, said, tmp_path):
    assert said in refusal(raw_file(tmp_path / "a.safetensors", header, data))


def test_a_header_length_beyond_the_limit_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes((2**63).to_bytes(8, "little") + b"{}")
    assert f"at most 100000000 bytes but claims {2**63}" in refusal(path)


def test_every_type_of_the_format_has_its_size(tmp_path):
    for code, bits in BITS.items():
        path = raw_file(tmp_path / f"{code}.safetensors", {"a": entry(code, (8,), (0, bits))}, bytes(bits))
        assert read_header(path)["a"].parameters == 8


def read_or_refuse(path):
    """Either outcome is right; any other exception fails the test."""
    said = ""
    try:
        read_header(path)
    except InputError as error:
        said = str(error)
    assert "\n" not in said
    assert len(said) < 700


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=8))
def test_bytes_changed_at_random_never_raise_anything_else(whole, tmp_path, changes):
    data = bytearray(whole.read_bytes())
    for place, value in changes:
        data[place % len(data)] = value
    path = tmp_path / "mangled.safetensors"
    path.write_bytes(data)
    read_or_refuse(path)


ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
ALMOST = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from([*BITS, "F33"]) | ANY,
        "shape": st.lists(st.integers(-1, 3) | ANY, max_size=4) | ANY,
        "data_offsets": st.lists(st.integers(-1, 40) | ANY, max_size=3) | ANY,
    }
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(header=st.dictionaries(st.text(max_size=3), ALMOST | ANY, max_size=3), data=st.binary(max_size=40))
def test_headers_of_any_content_never_raise_anything_else(tmp_path, header, data):
    text = json.dumps(header).encode()
    read_or_refuse(raw_file(tmp_path / "any.safetensors", text, data))


def test_the_types_are_those_that_the_safetensors_library_lists(tmp_path):
    with pytest.raises(SafetensorError) as caught:
        safe_open(raw_file(tmp_path / "a.safetensors", {"a": entry("F33")}, bytes(8)), "np")
    listed = set(re.findall(r"`([A-Z0-9_]+)`", str(caught.value))) - {"F33"}
    assert {"F32", "F8_E8M0", "F4"} <= listed
    assert set(BITS) == listed


@pytest.mark.parametrize("length", [100_000_001, 300_000_000])
def test_a_header_of_hundreds_of_megabytes_is_refused_before_it_is_read(length, tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(length.to_bytes(8, "little") + b"{")
    os.truncate(path, length + 1000)  # sparse: nothing is written
    tracemalloc.start()
    assert f"at most 100000000 bytes but claims {length}" in refusal(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000_000


def theirs_reads(path):
    try:
        with safe_open(path, "np") as opened:
            return set(opened.keys())
    except SafetensorError:
        return None


WORDS = st.sampled_from(["dtype", "shape", "data_offsets"])
STEPS = st.integers(-9, 9) | st.sampled_from([2**31, 2**63 - 1, 2**63, 2**64])
MUTATIONS = st.one_of(
    st.tuples(st.just("drop"), WORDS),
    st.tuples(st.just("type"), st.sampled_from([*BITS, "F33", "f32"])),
    st.tuples(st.just("side"), st.integers(0, 2), STEPS),
    st.tuples(st.just("more sides"), st.lists(st.integers(0, 3), max_size=3)),
    st.tuples(st.just("shift"), STEPS),
    st.tuples(st.just("end"), STEPS),
    st.tuples(st.just("swap"), st.integers(0, 3)),
    st.tuples(st.just("name"), st.text(max_size=3)),
    st.tuples(st.just("copy"), st.integers(0, 3)),
    st.tuples(st.just("value"), WORDS, ANY),
)


def are_offsets(value):
    return isinstance(value, list) and [type(offset) for offset in value] == [int, int]


def mutated(header, place, change):
    """A header with one thing of one entry changed, as a writer that errs would."""
    names = list(header)
    name, other = names[place % len(names)], names[change[1] % len(names)] if change[0] in ("swap", "copy") else ""
    each = header[name]
    if not isinstance(each, dict) or not isinstance(each.get("shape"), list):
        return header
    match change[0]:
        case "drop":
            each.pop(change[1], None)
        case "type":
            each["dtype"] = change[1]
        case "side" if change[1] < len(each["shape"]) and isinstance(each["shape"][change[1]], int):
            each["shape"][change[1]] += change[2]
        case "more sides":
            each["shape"] += change[1]
        case "shift" | "end" if are_offsets(each.get("data_offsets")):
            first, last = each["data_offsets"]
            each["data_offsets"] = [first + change[1] * (change[0] == "shift"), last + change[1]]
        case "swap" if isinstance(header[other], dict) and "data_offsets" in header[other] and "data_offsets" in each:
            each["data_offsets"], header[other]["data_offsets"] = header[other]["data_offsets"], each["data_offsets"]
        case "name":
            header[change[1]] = header.pop(name)
        case "copy":
            header[name] = json.loads(json.dumps(header[other]))
        case "value":
            each[change[1]] = change[2]
    return header


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.integers(0, 3), MUTATIONS), max_size=3), more=st.integers(0, 2))
def test_what_is_read_is_what_the_safetensors_library_reads(whole, tmp_path, changes, more):
    data = whole.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    del header["__metadata__"]
    for place, change in changes:
        header = mutated(header, place, change)
    path = raw_file(tmp_path / "mutated.safetensors", header, data[8 + length :] + bytes(more))
    try:
        ours = set(read_header(path))
    except InputError:
        ours = None
    theirs = theirs_reads(path)
    if ours is not None:
        assert theirs == ours
    elif theirs is not None:  # the library also takes sides that no file can hold, beside one of zero
        assert any(side >= 2**63 for each in header.values() for side in each["shape"])
