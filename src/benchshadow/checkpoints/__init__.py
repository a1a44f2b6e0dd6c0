"""Weights on disk: opened by format, held to its rules, read lazily, by name and by role."""

from .adapted import AdaptedCheckpoint as AdaptedCheckpoint
from .adapted import adapted as adapted
from .adapted import adapter_alone as adapter_alone
from .adapter import Adapter as Adapter
from .adapter import Factors as Factors
from .adapter import is_adapter as is_adapter
from .adapter import open_adapter as open_adapter
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
from .pairing import layouts as layouts
from .pairing import pair as pair
from .state_dict import from_state_dict as from_state_dict
from .written import Written as Written
from .written import write_again as write_again
