"""A model of the Hugging Face hub by its id and revision, found in the local cache; the network is never asked."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from benchshadow.errors import InputError

__all__ = ["HubName", "cache_folder", "hub_name", "snapshot"]

_NAME = re.compile(r"(?P<id>(\w[\w.-]*/)?\w[\w.-]*)(@(?P<revision>[\w./-]+))?", re.ASCII)


@dataclass(frozen=True)
class HubName:
    """What "org/name@revision" names.

    Attributes:
        id: "org/name".
        revision: branch, tag, "refs/pr/1" or whole commit; "main" where none is named.
    """

    id: str
    revision: str

    @property
    def folder(self) -> str:
        """Name of its folder in the cache."""
        return "models--" + self.id.replace("/", "--")

    @property
    def command(self) -> str:
        """What fetches it."""
        return f"hf download {self.id}" + ("" if self.revision == "main" else f" --revision {self.revision}")


def hub_name(text: str) -> HubName | None:
    """The id and revision in a text; None where it cannot be one."""
    found = _NAME.fullmatch(text)
    if found is None or ".." in text or "--" in found["id"]:
        return None
    return HubName(found["id"], found["revision"] or "main")


def cache_folder() -> Path:
    """Where the hub's own library keeps models: HF_HUB_CACHE, HF_HOME/hub, or ~/.cache/huggingface/hub."""
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    if named:
        return Path(named).expanduser()
    caches = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("HF_HOME") or str(Path(caches) / "huggingface")
    return Path(os.path.expandvars(home)).expanduser() / "hub"


def snapshot(name: HubName) -> Path:
    """The folder of a model at a revision; its files are links into the cache.

    The layout is that of the hub's library: `refs/<revision>` holds a commit, `snapshots/<commit>` the files.

    Raises:
        InputError: the cache lacks the model or the revision; the sentence holds the command that fetches it.
    """
    folder = cache_folder() / name.folder
    remedy = f"fetch it: {name.command}"
    if not folder.is_dir():
        raise InputError(name.id, f"is no file or folder, and no model of the cache {folder.parent}", remedy)
    ref = folder / "refs" / name.revision
    commit = ref.read_text(encoding="utf-8").strip() if ref.is_file() else name.revision
    found = folder / "snapshots" / commit
    if not re.fullmatch(r"\w[\w-]*", commit, re.ASCII) or not found.is_dir():
        held = ", ".join(_revisions(folder)[:5]) or "none"
        raise InputError(name.id, f"must be in the cache at revision {name.revision!r} but is there at {held}", remedy)
    return found


def _revisions(folder: Path) -> list[str]:
    refs = folder / "refs"
    named = sorted(file.relative_to(refs).as_posix() for file in refs.rglob("*") if file.is_file())
    return named + sorted(each.name for each in folder.glob("snapshots/*") if each.is_dir())
