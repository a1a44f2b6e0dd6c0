"""A study that runs in seconds: the embedded world, a model of a thousand weights, four steps an arm."""

from __future__ import annotations

from pathlib import Path

ARCHITECTURE = """[architecture]
hidden_size = 16
intermediate_size = 24
layers = 2
heads = 2
"""
BASE = """[base]
source = "broad"
[base.settings]
steps = 3
sequences = 4
length = 32
learning_rate = 1e-2
warmup = 1
checkpoints = 1
"""
TEXT = f"""
name = "small"
title = "A small study"
seed = 3
replicates = [0, 1]
same = "A/A"

[tokenizer]
kind = "skills"

{ARCHITECTURE}
{BASE}
[settings]
steps = 4
sequences = 4
length = 32
learning_rate = 1e-2
warmup = 1
checkpoints = 3

[sources.broad]
kind = "skills"
lengths = [4, 6]
[sources.benchmark]
kind = "skills"
skills = ["reverse", "sort"]
formats = ["equals"]
lengths = [4, 6]
pool = 60

[benchmark]
kind = "skills"
seen = "benchmark"

[[tasks]]
name = "seen items"
kind = "skills"
tier = "seen"
seen = true
items = 8
[[tasks]]
name = "held-out items"
kind = "skills"
tier = "held-out"
skills = ["reverse", "sort"]
formats = ["equals"]
items = 8
[[tasks]]
name = "other skills"
kind = "skills"
tier = "unrelated"
skills = ["copy", "upper"]
items = 8
[[tasks]]
name = "broad text"
kind = "text"
source = "broad"
bytes = 200

[arms.control]
source = "broad"
[arms."A/A"]
source = "broad"
[arms.aligned]
source = "benchmark"
dose = 1.0
[arms.half]
source = "benchmark"
dose = 0.5

[doses]
alignment = ["control", "half", "aligned"]
"""
OTHER = """
[sources.other]
kind = "skills"
skills = ["copy", "upper"]
formats = ["call"]
lengths = [4, 6]
pool = 400
"""
"""A source that no arm of the study draws from."""


def write_study(folder: Path, *changes: tuple[str, str]) -> Path:
    """The study as a file, with some of its text replaced."""
    text = TEXT
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    file = folder / "study.toml"
    file.write_text(text, encoding="utf-8")
    return file
