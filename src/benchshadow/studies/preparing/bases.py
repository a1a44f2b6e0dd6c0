"""What a base starts from: a tokenizer and weights, made for the study by seeds alone or taken from a checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchshadow.data.sources import Sources
from benchshadow.data.tokenization import skills_tokenizer, train_bpe
from benchshadow.errors import InputError
from benchshadow.studies.declaring.study import Study

from .seeds import generator, seed
from .taken_bases import check_taken, checkpoint_of, own_tokenizer, vocabulary_of

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

__all__ = ["adapted", "check_bases", "first_model", "new_tokenizer"]


def check_bases(study: Study) -> None:
    """Refuse, before anything runs, a checkpoint that does not fit, and a family or a word of its that nobody knows.

    Raises:
        InputError: names the checkpoint or the key.
    """
    if study.base.checkpoints:
        check_taken(study)
    elif study.architecture is not None and not study.architecture.in_words:
        from benchshadow.train.configuration import configuration

        configuration(study.architecture, vocabulary=study.tokenizer.size, positions=study.settings.length)


def new_tokenizer(study: Study, sources: Sources, replicate: int) -> Tokenizer:
    """The embedded world's vocabulary, a BPE trained on a source's documents in seeded order, or a checkpoint's."""
    if study.tokenizer.kind == "skills":
        return skills_tokenizer()
    if study.tokenizer.kind == "checkpoint":
        from tokenizers import Tokenizer

        return Tokenizer.from_str(own_tokenizer(checkpoint_of(study, replicate)))
    assert study.tokenizer.source is not None, "the study file was checked"
    rng = generator(study.seed, "tokenizer")
    documents = sources.finite(study.tokenizer.source, rng)
    texts, size = [], 0
    for index in rng.permutation(len(documents)):
        texts.append(documents[index].text)
        size += len(texts[-1])
        if size >= study.tokenizer.characters:
            break
    return train_bpe(texts, study.tokenizer.size)


def first_model(study: Study, vocabulary: int, replicate: int) -> PreTrainedModel:
    """A base before its first step, or the checkpoint that it is, in float32.

    Raises:
        InputError: the checkpoint cannot be read, or has not the size of the vocabulary that the study makes.
    """
    from benchshadow.train.model import load, new

    if study.base.checkpoints:
        folder = checkpoint_of(study, replicate)
        rows = vocabulary_of(folder)
        if study.tokenizer.kind != "checkpoint" and rows != vocabulary:
            text = f"must have the vocabulary of the study's tokenizer, {vocabulary} tokens, but has {rows}"
            raise InputError(folder, text, "set tokenizer.kind = 'checkpoint'")
        return load(folder)
    assert study.architecture is not None, "the study file was checked"
    assert study.base.settings is not None, "the study file was checked"
    first = seed(study.seed, "weights", replicate)
    return new(study.architecture, vocabulary=vocabulary, positions=study.base.settings.length, seed=first)


def adapted(study: Study, model: PreTrainedModel, replicate: int, base: str) -> Any:
    """The model as arms train it: whole, or with the study's low-rank factors, which all arms of a replicate share.

    Args:
        study: has the adapter's settings.
        model: a base; is taken over.
        replicate: draws the first factors.
        base: what the checkpoints of the factors call their base.
    """
    if study.adapter is None:
        return model
    from benchshadow.train.adaptation import adapt

    return adapt(model, study.adapter, seed=seed(study.seed, "adapter", replicate), base=base)
