"""Rewriting by a causal language model in a folder on this machine: the likeliest token at every step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchshadow.data.documents import Document, batched, fill
from benchshadow.data.interventions import FromModel
from benchshadow.data.tokenization import load_tokenizer
from benchshadow.errors import InputError
from benchshadow.records import digest, file_digest

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["ModelRewriter"]

_READ = ("config.json", "generation_config.json", "tokenizer.json", "*.safetensors", "*.bin", "*.index.json")


@dataclass(frozen=True)
class ModelRewriter:
    """Documents in the words of a model, the same on one machine for the same documents in the same order.

    The last bits of a sum depend on what is padded beside a text and on the processor, so that another machine may
    break a near tie otherwise: the arm's manifest holds the hash of what was written. What it does not tell: whether
    the model kept the meaning; read some of what it wrote.

    Attributes:
        settings: folder, prompt, and how much is written at a time.
    """

    settings: FromModel
    _known: dict[str, str] = field(default_factory=dict, repr=False, compare=False)

    @property
    def identity(self) -> str:
        """The hash of the model's files, weights and tokenizer among them.

        Raises:
            InputError: the folder holds no model, or no tokenizer.json.
        """
        return self._identity

    @cached_property
    def _identity(self) -> str:
        for name in ("config.json", "tokenizer.json"):
            if not (self._folder / name).is_file():
                raise InputError(self._folder, f"must hold a model that rewrites but has no {name}")
        files = sorted({file for pattern in _READ for file in self._folder.glob(pattern)})
        return f"model {digest({file.name: file_digest(file) for file in files})}"

    def __call__(self, documents: Sequence[Document], version: int) -> list[str]:
        """What the model writes after the prompt, up to its end token.

        Raises:
            InputError: a prompt with its text has more tokens than the model takes; the document is named.
        """
        prompts = [self._prompt(document, version) for document in documents]
        wanted = dict.fromkeys(prompt for prompt in prompts if prompt not in self._known)
        named = dict(zip(prompts, documents, strict=True))
        for some in batched([named[prompt]._replace(text=prompt) for prompt in wanted], self.settings.batch):
            self._known.update(zip((each.text for each in some), self._written(some), strict=True))
        return [self._known[prompt] for prompt in prompts]

    @property
    def _folder(self) -> Path:
        return Path(self.settings.path)

    @cached_property
    def _model(self) -> Any:
        from benchshadow.train.model import load

        return load(self._folder).eval()

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return load_tokenizer(self._folder / "tokenizer.json")

    def _prompt(self, document: Document, version: int) -> str:
        values = {"text": document.text, "version": version + 1}
        end = self.settings.prompt[len(self.settings.prompt.rstrip()) :]  # white space that a template loses
        return fill(self.settings.prompt, values, document.id) + end

    def _written(self, prompts: Sequence[Document]) -> list[str]:
        """Texts that follow the prompts, which stand as the documents' texts."""
        import torch
        from transformers import GenerationConfig

        coded = [self._tokenizer.encode(each.text).ids for each in prompts]
        self._check(prompts, coded)
        width, config = max(map(len, coded)), self._model.config
        ends = getattr(self._model.generation_config, "eos_token_id", None)
        ends = config.eos_token_id if ends is None else ends
        pad = 0 if ends is None else ends[0] if isinstance(ends, list) else ends
        ids = torch.full((len(coded), width), pad)
        mask = torch.zeros_like(ids)
        for row, tokens in enumerate(coded):
            ids[row, width - len(tokens) :] = torch.tensor(tokens)
            mask[row, width - len(tokens) :] = 1
        most = self.settings.most_tokens
        greedy = GenerationConfig(do_sample=False, max_new_tokens=most, eos_token_id=ends, pad_token_id=pad)
        with torch.inference_mode():
            found = self._model.generate(ids, attention_mask=mask, generation_config=greedy)
        stops: list[int] = [ends] if isinstance(ends, int) else list(ends or ())
        return [self._tokenizer.decode(_until(row, stops)).strip() for row in found[:, width:].tolist()]

    def _check(self, prompts: Sequence[Document], coded: Sequence[Sequence[int]]) -> None:
        room = getattr(self._model.config, "max_position_embeddings", None)
        for document, tokens in zip(prompts, coded, strict=True):
            need = len(tokens) + self.settings.most_tokens
            if not tokens or (room is not None and need > room):
                rule = f"must have 1 to {room} tokens with its prompt and {self.settings.most_tokens} to be written"
                raise InputError(document.id, f"{rule} but has {need}")


def _until(tokens: Sequence[int], stops: Sequence[int]) -> list[int]:
    """The tokens before the first that ends a text."""
    end = next((place for place, token in enumerate(tokens) if token in stops), len(tokens))
    return list(tokens[:end])
