"""Weights on disk: opened by format, held to its rules, read lazily, by name and by role."""

from .checkpoint import Checkpoint as Checkpoint
from .checkpoint import TensorSource as TensorSource
from .family import Family as Family
from .family import families as families
from .family import family_of as family_of
from .formats import FORMATS as FORMATS
from .formats import open_checkpoint as open_checkpoint
from .layout import Layout as Layout
from .layout import Piece as Piece
from .layout import layout as layout
from .pairing import Pair as Pair
from .pairing import alone as alone
from .pairing import pair as pair
