"""What a base starts from: a tokenizer and weights, made for the study by seeds alone or taken from a checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchshadow.checkpoints.formats import located
from benchshadow.data.sources import Sources
from benchshadow.data.tokenization import skills_tokenizer, train_bpe
from benchshadow.studies.declaring.study import Study

from .seeds import generator, seed
from .taken_bases import check_made, check_rows, check_taken, checkpoint_of, own_tokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

__all__ = ["adapted", "check_bases", "check_vocabularies", "first_model", "new_tokenizer"]


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


def check_vocabularies(study: Study, sources: Sources, made: Tokenizer) -> None:
    """Refuse, before anything trains, a checkpoint whose table of embeddings does not fit what it is to read.

    Args:
        study: has the checkpoints that it starts from, and those of runs that were trained elsewhere.
        sources: as in `new_tokenizer`.
        made: a tokenizer of the study's; where it makes one, all bases read it.
    """
    own = study.tokenizer.kind == "checkpoint"
    for replicate in study.replicates:
        owner = study.base_of(replicate)
        vocabulary = (new_tokenizer(study, sources, owner) if own else made).get_vocab_size()
        if study.base.checkpoints and not own:
            check_made(checkpoint_of(study, owner), vocabulary)
        for each in study.runs:
            if each.replicate == replicate:
                check_rows(located(each.checkpoint), vocabulary)


def first_model(study: Study, vocabulary: int, replicate: int) -> PreTrainedModel:
    """A base before its first step, or the checkpoint that it is, in float32.

    Raises:
        InputError: the checkpoint cannot be read, or has not the size of the vocabulary that the study makes.
    """
    from benchshadow.train.model import load, new

    if study.base.checkpoints:
        folder = checkpoint_of(study, replicate)
        if study.tokenizer.kind != "checkpoint":
            check_made(folder, vocabulary)
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
