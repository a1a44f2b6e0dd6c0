"""The surface of a corpus: how distinct its wordings, how compressible, how concentrated and repeated it is."""

from .comparing import Compared as Compared
from .comparing import compared as compared
from .compression import compression_ratio as compression_ratio
from .concentration import Concentration as Concentration
from .concentration import Counts as Counts
from .concentration import concentration as concentration
from .concentration import gini as gini
from .concentration import hhi as hhi
from .concentration import top_share as top_share
from .concentration import zipf_slope as zipf_slope
from .measured import Measured as Measured
from .repetition import Repetition as Repetition
from .repetition import digests as digests
from .repetition import repetition as repetition
from .wordings import distinct_n as distinct_n
from .wordings import ngram_counts as ngram_counts
from .wordings import self_repetition as self_repetition
