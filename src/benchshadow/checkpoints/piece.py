"""One matrix of a checkpoint, or what stands in its place: a stored tensor, a slice of one, or some of its rows."""

from __future__ import annotations

from dataclasses import dataclass, field

from .checkpoint import Checkpoint, TensorSource, matrix_shape
from .cuts import Cut

__all__ = ["BUFFER", "TIED", "VECTOR", "Piece"]

VECTOR = "a vector: no spectrum"
BUFFER = "a buffer: not a parameter"
TIED = "tied:"


@dataclass(frozen=True, eq=False)
class Piece:
    """One tensor, one slice of a stacked one, or the rows of either that belong together.

    Attributes:
        checkpoint: what it is read from.
        tensor: stored name.
        cut: where in the stored tensor it lies.
        name: canonical, the same for every layout of the keys; slices without a name of their own carry their number.
        tower: "language", "vision", "projector" or "other".
        role: "attention.query", "mlp.up", "embedding", "norm" ...
        guessed: whether the role was guessed from name and shape.
        stack: what its layer is counted in, "layers", "encoder.block"; empty outside the blocks.
        layer: number of its block, None outside the blocks.
        depth: 0 first block of its stack, 1 last; None outside the blocks, and for layers beyond the last block.
        shape: sides of the matrix as out x in; of others as stored.
        stored: type on disk.
        parameters: number of values it adds to the model; zero for a second copy of tied weights and for buffers.
        state: "matrix", "skipped" or "refused".
        reason: why there is no matrix; empty where there is.
        is_stand_in: whether it is not stored under this name, and another tensor's values stand for it.
    """

    checkpoint: Checkpoint = field(repr=False)
    tensor: str
    cut: Cut
    name: str
    tower: str
    role: str
    guessed: bool
    stack: str
    layer: int | None
    depth: float | None
    shape: tuple[int, ...]
    stored: str
    parameters: int
    state: str
    reason: str
    is_stand_in: bool = False

    @property
    def part(self) -> int | None:
        """Slice of the first axis of the stored tensor, None where it is not cut there."""
        return self.cut.part

    @property
    def place(self) -> str:
        """Where it is stored: the tensor, its slice, and the rows or columns where it has some of them only."""
        slice_ = "" if self.cut.part is None else f"[{self.cut.part}]"
        runs = self.cut.runs
        if runs is None:
            return f"{self.tensor}{slice_}"
        lines = "entries" if len(self.shape) < 2 else "columns" if self.cut.transposed else "rows"
        until = f" to {runs.start + runs.length - 1}" if runs.length > 1 else ""
        again = f", again every {runs.period}" if runs.count > 1 else ""
        return f"{self.tensor}{slice_} {lines} {runs.start}{until}{again}"

    @property
    def matrix(self) -> tuple[int, int]:
        """Rows and columns as a matrix."""
        return matrix_shape(self.shape)

    @property
    def is_vector(self) -> bool:
        """Whether it is skipped because it has one side only."""
        return self.reason == VECTOR

    @property
    def is_tied(self) -> bool:
        """Whether it is skipped because it holds the values of another."""
        return self.reason.startswith(TIED)

    @property
    def inside_blocks(self) -> bool:
        """Whether it belongs to a block, and not to embeddings, head or what lies between and beyond."""
        return self.depth is not None and self.role not in ("embedding", "head")

    def source(self) -> TensorSource:
        """The matrix, read when asked."""
        return self.cut.view(self.checkpoint.source(self.tensor, self.cut.part))
