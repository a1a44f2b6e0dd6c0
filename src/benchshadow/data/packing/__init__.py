"""Documents coded once, laid end to end in sequences of exactly the budget, and mapped to memory."""

from .again import Again as Again
from .encoding import InOrder as InOrder
from .layout import Pieces as Pieces
from .layout import lay as lay
from .layout import placed as placed
from .layout import shuffled as shuffled
from .packed import PackedStream as PackedStream
from .store import TOKENS as TOKENS
from .store import TokenStore as TokenStore
