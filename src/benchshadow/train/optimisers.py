"""The optimisers of a training by name: AdamW, and the two that a study runs as confounds, SGD and Muon."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from benchshadow.errors import InputError

from .settings import Settings

__all__ = ["Together", "optimiser"]


class Together:
    """Optimisers that each hold some of the weights, stepped as one."""

    def __init__(self, *parts: torch.optim.Optimizer) -> None:
        self.parts = parts

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The groups of all parts, in order."""
        return [group for part in self.parts for group in part.param_groups]

    def step(self) -> None:
        """One step of every part."""
        for part in self.parts:
            part.step()

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for part in self.parts:
            part.zero_grad(set_to_none=True)

    def state_dict(self) -> list[dict[str, Any]]:
        """The states of the parts."""
        return [part.state_dict() for part in self.parts]

    def load_state_dict(self, states: Sequence[dict[str, Any]]) -> None:
        """Put the states of `state_dict` back."""
        for part, state in zip(self.parts, states, strict=True):
            part.load_state_dict(state)


def optimiser(model: torch.nn.Module, settings: Settings) -> Together:
    """The optimiser that settings name, over the weights that are trained; decay is on matrices alone.

    - adamw: Loshchilov & Hutter 2019, decay decoupled.
    - sgd: momentum without dampening (Polyak 1964), without Nesterov's look ahead; decay is added to the gradient.
    - muon: Jordan et al. 2024. The momentum of every matrix inside the blocks is made nearly orthogonal by five steps
      of Newton and Schulz; embeddings, heads and vectors get AdamW. `muon_rate` is how its step is scaled:
      "match_rms_adamw" by 0.2 sqrt(longer side) (Liu et al. 2025), so that a learning rate found for AdamW serves
      both, "original" by sqrt(max(1, rows / columns)). Decay is decoupled.

    Raises:
        InputError: this torch has no Muon, or the model has no matrix for it.
    """
    return Together(*_MAKERS[settings.optimiser](model, settings))


def _adamw(model: torch.nn.Module, settings: Settings) -> list[torch.optim.Optimizer]:
    groups = _by_decay([p for p in model.parameters() if p.requires_grad], settings)
    return [_adamw_over(groups, settings)]


def _adamw_over(groups: list[dict[str, Any]], settings: Settings) -> torch.optim.Optimizer:
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=settings.betas, eps=settings.epsilon, fused=True)


def _sgd(model: torch.nn.Module, settings: Settings) -> list[torch.optim.Optimizer]:
    momentum = 0.9 if settings.momentum is None else settings.momentum
    groups = _by_decay([p for p in model.parameters() if p.requires_grad], settings)
    return [torch.optim.SGD(groups, lr=settings.learning_rate, momentum=momentum)]


def _muon(model: torch.nn.Module, settings: Settings) -> list[torch.optim.Optimizer]:
    maker = getattr(torch.optim, "Muon", None)
    if maker is None:
        raise InputError("optimiser", f"muon needs torch 2.9 or later but this is {torch.__version__}")
    inside = list(_inside_blocks(model))
    if not inside:
        raise InputError("optimiser", "muon needs a matrix that is trained inside the blocks but there is none")
    held = {id(p) for p in inside}
    others = [p for p in model.parameters() if p.requires_grad and id(p) not in held]
    momentum = 0.95 if settings.momentum is None else settings.momentum
    parts: list[torch.optim.Optimizer] = [
        maker(
            inside,
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            momentum=momentum,
            adjust_lr_fn=settings.muon_rate,
        )
    ]
    if others:
        parts.append(_adamw_over(_by_decay(others, settings), settings))
    return parts


def _inside_blocks(model: torch.nn.Module) -> Iterator[torch.nn.Parameter]:
    """Matrices that are trained and belong neither to a table of embeddings nor to the head."""
    tables = {id(p) for each in model.modules() if isinstance(each, torch.nn.Embedding) for p in each.parameters()}
    head = getattr(model, "get_output_embeddings", lambda: None)()
    tables |= {id(p) for p in head.parameters()} if head is not None else set()
    for parameter in model.parameters():
        if parameter.requires_grad and parameter.dim() == 2 and id(parameter) not in tables:
            yield parameter


def _by_decay(parameters: Sequence[torch.nn.Parameter], settings: Settings) -> list[dict[str, Any]]:
    groups = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": settings.weight_decay},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


_MAKERS: dict[str, Callable[[torch.nn.Module, Settings], list[torch.optim.Optimizer]]] = {
    "adamw": _adamw,
    "sgd": _sgd,
    "muon": _muon,
}
