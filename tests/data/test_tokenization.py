"""Text survives the way to tokens and back, the end token comes from no text, and tokens are the same anywhere."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchshadow.data.skills import FORMATS, SKILLS, draw_items, vocabulary
from benchshadow.data.tokenization import (
    END,
    encode,
    end_token,
    load_tokenizer,
    save_tokenizer,
    skills_tokenizer,
    train_bpe,
)
from benchshadow.errors import InputError

TEXTS = [
    "the cat sat on the mat, and the cat ate it. " * 3,
    "naïve café 🙂 <|end|> and more",
    "def f(x):\n    return x\n",
]
BPE = train_bpe(TEXTS * 5, 320)
SKILLS_TOKENIZER = skills_tokenizer()


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_bytes_say_any_text(text):
    ids = encode(BPE, [text])[0]
    assert BPE.decode(ids) == text
    assert end_token(BPE) not in ids


@pytest.mark.parametrize(
    "text", ["  two  spaces\n\n\ttab ", "👩‍👩‍👧‍👦 🇩🇪 e\u0301", "a\u00a0b\u2028c\r\n", "", "日本語", "\x00\x07"]
)
def test_emoji_and_white_space_survive(text):
    assert BPE.decode(encode(BPE, [text])[0]) == text


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(vocabulary()).map(lambda s: f" {s} " if len(s) > 1 else s)).map("".join))
def test_the_embedded_world_says_whatever_its_symbols_spell(text):
    ids = encode(SKILLS_TOKENIZER, [text])[0]
    assert SKILLS_TOKENIZER.decode(ids) == text
    assert end_token(SKILLS_TOKENIZER) not in ids


def test_names_of_skills_are_one_token_and_letters_of_inputs_stay_letters():
    for name in SKILLS:
        assert len(encode(SKILLS_TOKENIZER, [name])[0]) == 1
    tokens = SKILLS_TOKENIZER.encode("reverse(abinc) -> cniba\n").tokens
    assert tokens == ["reverse", "(", *"abinc", ")", " ", "->", " ", *"cniba", "\n"]


def test_prompt_and_answer_are_the_same_tokens_apart_and_together():
    items = draw_items(
        np.random.default_rng(0), skills=list(SKILLS), formats=list(FORMATS), lengths=(1, 8), compositions=0.3
    )
    for item, _ in zip(items, range(300), strict=False):
        prompt, answer, whole = encode(SKILLS_TOKENIZER, [item.prompt, item.answer, item.prompt + item.answer])
        assert prompt + answer == whole


@pytest.mark.parametrize("tokenizer", [BPE, SKILLS_TOKENIZER], ids=["bpe", "skills"])
def test_the_end_token_spelt_out_in_a_text_is_text(tokenizer, tmp_path):
    save_tokenizer(tokenizer, tmp_path / "tokenizer.json")
    for each in (tokenizer, load_tokenizer(tmp_path / "tokenizer.json")):
        for text in (END, f"a{END}b", f"a {END}"):
            ids = encode(each, [text])[0]
            assert end_token(each) not in ids
            assert each.decode(ids) == text


def test_special_tokens_of_a_foreign_tokenizer_are_text_too(tmp_path):
    from tokenizers import Tokenizer

    foreign = Tokenizer.from_str(BPE.to_str())
    foreign.add_special_tokens([END, "<s>"])
    (tmp_path / "tokenizer.json").write_text(foreign.to_str(), encoding="utf-8")
    assert end_token(foreign) in foreign.encode(f"a{END}").ids
    loaded = load_tokenizer(tmp_path / "tokenizer.json")
    assert end_token(loaded) not in encode(loaded, [f"a{END}<s>"])[0]


def test_many_texts_are_the_texts_one_by_one():
    assert encode(BPE, TEXTS) == [BPE.encode(text).ids for text in TEXTS]
    assert encode(BPE, []) == []


def test_a_symbol_outside_the_embedded_world_is_refused_and_shown():
    with pytest.raises(InputError, match="must consist of the tokenizer's symbols but is 'copy é'"):
        encode(SKILLS_TOKENIZER, ["copy abc", "copy é"])


def test_a_tokenizer_without_the_end_token_is_refused():
    from tokenizers import Tokenizer, models

    with pytest.raises(InputError, match=r"must know the token <\|end\|>"):
        end_token(Tokenizer(models.WordLevel({"a": 0})))


def test_what_is_saved_is_what_is_loaded(tmp_path):
    path = tmp_path / "tokenizer.json"
    save_tokenizer(BPE, path)
    assert load_tokenizer(path).to_str() == BPE.to_str()
    assert [p.name for p in tmp_path.iterdir()] == ["tokenizer.json"]


def test_a_tokenizer_that_loses_text_is_not_saved(tmp_path):
    from tokenizers import Tokenizer, models, pre_tokenizers

    broken = Tokenizer(models.WordLevel({"copy": 0, "[UNK]": 1}, unk_token="[UNK]"))
    broken.pre_tokenizer = pre_tokenizers.Whitespace()
    with pytest.raises(InputError, match="must give 'copy abc = abc"):
        save_tokenizer(broken, tmp_path / "tokenizer.json")
    assert list(tmp_path.iterdir()) == []


def test_broken_files_and_small_vocabularies_are_one_sentence(tmp_path):
    path = tmp_path / "tokenizer.json"
    with pytest.raises(InputError, match="no such file"):
        load_tokenizer(path)
    path.write_text(json.dumps({"model": {}})[:-3], encoding="utf-8")
    with pytest.raises(InputError, match="must be a tokenizer"):
        load_tokenizer(path)
    with pytest.raises(InputError, match="must be at least 257"):
        train_bpe(TEXTS, 256)


def test_another_process_trains_the_same_tokens():
    code = (
        "import sys, hashlib; from benchshadow.data.tokenization import train_bpe, skills_tokenizer;"
        "t = train_bpe(eval(sys.stdin.read()), 320);"
        "print(hashlib.sha256((t.to_str() + skills_tokenizer().to_str()).encode()).hexdigest())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            input=repr(TEXTS * 5),
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1
