"""Documents that repeat each other: identical texts, and pairs whose sets of 5-word shingles are nearly the same."""

from .exact import exact_pairs as exact_pairs
from .found import Duplicates as Duplicates
from .meaning import SemanticDuplicates as SemanticDuplicates
from .meaning import semantic_duplicates as semantic_duplicates
from .minhash import expected_recall as expected_recall
from .near import near_duplicates as near_duplicates
from .recall import Recall as Recall
from .sketch import Sketch as Sketch
from .sketch import sketch as sketch
from .verified import Pairs as Pairs
