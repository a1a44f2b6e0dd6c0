"""A base that is a checkpoint from elsewhere: what it is, its tokenizer, and whether the two and the study fit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchshadow.checkpoints import is_adapter, open_checkpoint
from benchshadow.checkpoints.formats import located
from benchshadow.data.tokenization import END
from benchshadow.errors import InputError
from benchshadow.records import file_digest, read_json
from benchshadow.studies.declaring.study import Study
from benchshadow.studies.footprints.identity import cache_folder, identity

__all__ = ["check_made", "check_rows", "check_taken", "checkpoint_of", "origin", "own_tokenizer", "vocabulary_of"]

_TOKENIZER = "tokenizer.json"
_POSITIONS = ("max_position_embeddings", "n_positions")


def checkpoint_of(study: Study, owner: int) -> Path:
    """The folder of the checkpoint that a base is; `owner` is the replicate that the base is called by.

    Raises:
        InputError: it is no folder, and no model of the hub's local cache.
    """
    found = located(study.base.checkpoints[study.replicates.index(owner)])
    if not (found / "config.json").is_file():
        raise InputError(found, "must be the folder of a checkpoint but has no config.json")
    return found


def origin(study: Study, owner: int) -> dict[str, Any]:
    """What determines a base that is taken: the name it was given, and its files and its tokenizer by content."""
    folder = checkpoint_of(study, owner)
    tokenizer = _file(folder) if study.tokenizer.kind == "checkpoint" else None
    return {
        "named": study.base.checkpoints[study.replicates.index(owner)],
        "files": identity(open_checkpoint(folder), cache_folder()),
        "config": file_digest(folder / "config.json"),
        "tokenizer": None if tokenizer is None else file_digest(tokenizer),
    }


def own_tokenizer(folder: Path) -> str:
    """The tokenizer of a checkpoint, as JSON, with its end of text called as every study calls it.

    Only ids and their pieces of text are taken over: nothing is added before or after a text, cut or filled up.

    Raises:
        InputError: there is no `tokenizer.json`, or nothing says which token ends a text.
    """
    path = _file(folder)
    content = {**read_json(path), "post_processor": None, "truncation": None, "padding": None}
    end = _end(folder, path, content)
    if end == END:
        return json.dumps(content, ensure_ascii=False)
    content["added_tokens"] = [
        {**token, "content": END} if token["content"] == end else token for token in content["added_tokens"]
    ]
    vocabulary = content["model"]["vocab"]
    if isinstance(vocabulary, dict):
        content["model"]["vocab"] = {END if piece == end else piece: number for piece, number in vocabulary.items()}
    else:
        content["model"]["vocab"] = [[END if piece == end else piece, score] for piece, score in vocabulary]
    return json.dumps(content, ensure_ascii=False)


def vocabulary_of(folder: Path) -> int:
    """Rows of a checkpoint's table of embeddings, as its `config.json` says."""
    found = _config(folder).get("vocab_size")
    if not isinstance(found, int):
        raise InputError(folder / "config.json", f"must hold vocab_size but it is {found!r}")
    return found


def check_taken(study: Study) -> None:
    """Hold every checkpoint that a study starts from to its tokenizer and its length of sequences, before it runs.

    Raises:
        InputError: a checkpoint has no row for an id of its tokenizer, or fewer positions than a sequence has tokens.
    """
    longest = max(study.settings_of(arm).length for arm in study.arms)
    for owner in dict.fromkeys(study.base_of(replicate) for replicate in study.replicates):
        folder = checkpoint_of(study, owner)
        if study.tokenizer.kind == "checkpoint":
            check_vocabulary(folder, json.loads(own_tokenizer(folder)))
        known = _config(folder)
        positions = next((known[key] for key in _POSITIONS if isinstance(known.get(key), int)), longest)
        if positions < longest:
            raise InputError(folder, f"must have positions for sequences of {longest} tokens but has {positions}")


def check_vocabulary(folder: Path, tokenizer: Mapping[str, Any]) -> None:
    """Whether a checkpoint has a row for every id that its tokenizer gives; `tokenizer` is the content of its file."""
    vocabulary = tokenizer["model"]["vocab"]
    ids = list(vocabulary.values()) if isinstance(vocabulary, dict) else list(range(len(vocabulary)))
    highest, rows = max([*ids, *(token["id"] for token in tokenizer["added_tokens"])]), vocabulary_of(folder)
    if highest >= rows:
        text = f"must have a row for every id of its tokenizer, 0 to {highest}, but has a vocabulary of {rows}"
        raise InputError(folder, text, "name a checkpoint whose embeddings fit its tokenizer")


def check_made(folder: Path, vocabulary: int) -> None:
    """Whether a checkpoint that a study starts from has the size of a vocabulary that the study makes."""
    rows = vocabulary_of(folder)
    if rows != vocabulary:
        text = f"must have the vocabulary of the study's tokenizer, {vocabulary} tokens, but has {rows}"
        raise InputError(folder, text, "set tokenizer.kind = 'checkpoint'")


def check_rows(folder: Path, vocabulary: int) -> None:
    """Whether a checkpoint that was trained elsewhere has a row for every token; an adapter has those of its base."""
    if not is_adapter(folder) and (rows := vocabulary_of(folder)) < vocabulary:
        text = f"must have a row for each of the study's {vocabulary} tokens but has a vocabulary of {rows}"
        raise InputError(folder, text)


def _config(folder: Path) -> Mapping[str, Any]:
    """The configuration of the language model, also where it is one part of a larger model's."""
    whole = read_json(folder / "config.json")
    part = whole.get("text_config")
    return {**whole, **part} if isinstance(part, dict) else whole


def _file(folder: Path) -> Path:
    """`tokenizer.json` of a checkpoint, or of the base whose checkpoint it is in another study's folder."""
    places = (folder / _TOKENIZER, folder.parent.parent / _TOKENIZER)
    held = places if folder.parent.name == "checkpoints" else places[:1]
    for place in held:
        if place.is_file():
            return place
    raise InputError(folder, f"must hold {_TOKENIZER} for tokenizer.kind = 'checkpoint' but does not")


def _end(folder: Path, path: Path, content: Mapping[str, Any]) -> str:
    """The token that ends a text: the study's own where it is there, else what the checkpoint's settings name."""
    vocabulary = content["model"]["vocab"]
    pieces = [piece if isinstance(piece, str) else piece[0] for piece in vocabulary]
    added = {token["content"]: token["id"] for token in content["added_tokens"]}
    if END in pieces or END in added:
        return END
    settings = read_json(folder / "tokenizer_config.json") if (folder / "tokenizer_config.json").is_file() else {}
    named = settings.get("eos_token")
    named = named.get("content") if isinstance(named, dict) else named
    if named is None:
        number = _config(folder).get("eos_token_id")
        number = number[0] if isinstance(number, list) and number else number
        said = {**(vocabulary if isinstance(vocabulary, dict) else {}), **added}
        named = next((piece for piece, of in said.items() if of == number), None)
    if named not in added and named not in pieces:
        raise InputError(path, f"must know the token that ends a text, eos_token, but it is {named!r}")
    return str(named)
