"""The room opens without the heavy libraries: they wait until a tokenizer is made."""

import subprocess
import sys

import pytest

from benchshadow.data import load_tokenizer, skills_tokenizer, train_bpe
from benchshadow.errors import MissingExtra


def test_opening_the_room_loads_no_heavy_library():
    code = "import sys, benchshadow.data; print(sorted({'torch', 'transformers', 'tokenizers'} & set(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"


def test_without_the_library_of_tokenizers_the_command_that_installs_it_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    for make in (skills_tokenizer, lambda: train_bpe(["a"], 300), lambda: load_tokenizer(tmp_path)):
        with pytest.raises(MissingExtra, match=r"needs the extra 'train': pip install 'benchshadow\[train\]'"):
            make()
