"""A model with low-rank factors beside its frozen weights, and a checkpoint of those factors merged into their base."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from benchshadow.errors import InputError, MissingExtra

from .settings import Adapter

if TYPE_CHECKING:
    from peft import PeftModel

__all__ = ["CONFIG", "adapt", "merged", "save_factors"]

CONFIG = "adapter_config.json"


def adapt(model: PreTrainedModel, adapter: Adapter, *, seed: int, base: str) -> PeftModel:
    """The model with factors at every target, its own weights frozen; at first they change nothing, since B is zero.

    Args:
        model: is taken over.
        adapter: rank, scale and targets.
        seed: of the first A, which is drawn as PEFT does.
        base: what the adapter's checkpoints call the model that they belong to.

    Raises:
        MissingExtra: the library `peft` is not installed.
        InputError: a target is no linear map of the model.
    """
    peft = _library()
    held = _linear(model)
    for target in adapter.targets:
        if target not in held:
            close = get_close_matches(target, held, n=1)
            meant = f"did you mean '{close[0]}'?" if close else f"they are {', '.join(sorted(held))}"
            raise InputError("adapter.targets", f"must name linear maps of the model but names '{target}'", meant)
    config = peft.LoraConfig(
        task_type="CAUSAL_LM",
        r=adapter.rank,
        lora_alpha=adapter.alpha,
        lora_dropout=adapter.dropout,
        target_modules=list(adapter.targets) or "all-linear",
        fan_in_fan_out=any(held[target] for target in (adapter.targets or held)),
    )
    with torch.random.fork_rng(devices=[]), _quietly():
        torch.manual_seed(seed)
        found = peft.get_peft_model(model, config)
    found.peft_config["default"].base_model_name_or_path = base
    return found


def save_factors(model: PeftModel, folder: Path) -> None:
    """Write the factors and their settings into a folder, the settings in an order that no set decides."""
    model.save_pretrained(str(folder), save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)
    path = folder / CONFIG
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    targets = content["target_modules"]
    content["target_modules"] = sorted(targets) if isinstance(targets, list) else targets
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def merged(model: PreTrainedModel, folder: Path) -> PreTrainedModel:
    """The base with the factors of a checkpoint added to its weights, in its own type."""
    peft = _library()
    with _quietly():
        return peft.PeftModel.from_pretrained(model, str(folder), local_files_only=True).merge_and_unload()


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the warnings that one library gives for how the other calls it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def _linear(model: PreTrainedModel) -> dict[str, bool]:
    """Last names of the linear maps but for the head, and whether their weights lie as in x out."""
    head = model.get_output_embeddings()
    kinds = (torch.nn.Linear, Conv1D)
    named = ((name, each) for name, each in model.named_modules() if isinstance(each, kinds) and each is not head)
    return {name.rpartition(".")[2]: isinstance(each, Conv1D) for name, each in named}


def _library() -> Any:
    try:
        import peft
    except ModuleNotFoundError as error:
        raise MissingExtra("an adapter", "train") from error
    return peft
