"""What a model is made of before its first step: a Llama in a few words, or any family by its own configuration."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["LLAMA", "Architecture"]

LLAMA = "llama"
_SIZES = ("hidden_size", "intermediate_size", "layers", "heads")
_WORDS = (*_SIZES, "key_value_heads")


class Architecture(BaseModel):
    """A causal language model; the vocabulary comes from the tokenizer and positions from the longest sequence.

    A Llama is told by its sizes. Any other family is named as its `config.json` names it (`model_type`), and `config`
    holds what differs from the family's own defaults, in the words of that file. Whether the family exists and knows
    those words is for `train.model.configuration` to say, which knows the families.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    family: str = Field(LLAMA, description="model_type of a causal language model")
    config: dict[str, Any] = Field(default_factory=dict, description="keys of the family's config.json")
    hidden_size: int | None = Field(None, ge=8, description="Llama: width; a must, as are the next three")
    intermediate_size: int | None = Field(None, ge=8, description="Llama: width inside the feed-forward part")
    layers: int | None = Field(None, ge=1, description="Llama: blocks")
    heads: int | None = Field(None, ge=1, description="Llama: attention heads")
    key_value_heads: int | None = Field(None, ge=1, description="as many as heads where it is left out")
    tied_embeddings: bool = Field(False, description="Llama: one matrix for tokens in and out")

    @property
    def in_words(self) -> bool:
        """Whether it is a Llama that is told by its sizes."""
        return self.family == LLAMA and not self.config

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = [word for word in _WORDS if getattr(self, word) is not None]
        if not self.in_words:
            if given or self.tied_embeddings:
                rule = f"{(*given, 'tied_embeddings')[0]} belongs to a Llama told by its sizes"
                raise ValueError(f"{rule} but family is '{self.family}' with config; say it in config")
            return self
        for word in _SIZES:
            if getattr(self, word) is None:
                raise ValueError(f"{word} must be given but is missing")
        return self._heads_fit()

    def _heads_fit(self) -> Self:
        width, heads, shared = self.hidden_size or 0, self.heads or 1, self.key_value_heads
        if width % (2 * heads):
            rule = "hidden_size must be a multiple of twice the heads (positions turn pairs of dimensions)"
            raise ValueError(f"{rule} but is {width} with {heads} heads")
        if shared is not None and heads % shared:
            raise ValueError(f"heads must be a multiple of key_value_heads but is {heads} with {shared}")
        return self

    def words(self) -> dict[str, Any]:
        """Keys of `config.json` and their values, vocabulary and positions aside."""
        if not self.in_words:
            return dict(self.config)
        return {
            "hidden_size": self.hidden_size,
            "intermediate_size": self.intermediate_size,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.key_value_heads or self.heads,
            "tie_word_embeddings": self.tied_embeddings,
        }
