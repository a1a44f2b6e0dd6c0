"""The surface of a corpus: how distinct its wordings, how compressible, how concentrated and repeated it is."""

from .comparing import Measure as Measure
from .comparing import Spread as Spread
from .comparing import by_bytes as by_bytes
from .comparing import by_texts as by_texts
from .comparing import by_words as by_words
from .compression import compression_ratio as compression_ratio
from .concentration import Concentration as Concentration
from .concentration import Counts as Counts
from .concentration import concentration as concentration
from .concentration import gini as gini
from .concentration import hhi as hhi
from .concentration import top_share as top_share
from .concentration import zipf_slope as zipf_slope
from .measured import Measured as Measured
from .pooled import Wordings as Wordings
from .repetition import Repetition as Repetition
from .repetition import digests as digests
from .repetition import repetition as repetition
from .resampled import of_documents as of_documents
from .resampled import of_groups as of_groups
from .resampled import repeated_share as repeated_share
from .wordings import distinct_n as distinct_n
from .wordings import ngram_counts as ngram_counts
from .wordings import self_repetition as self_repetition
