"""How like a benchmark a corpus is, beyond shared words in a row: alignment, separation, soft overlap."""

from .alignment import Aligner as Aligner
from .alignment import AlignmentScores as AlignmentScores
from .alignment import GramCounts as GramCounts
from .alignment import count_grams as count_grams
from .classifier import Separation as Separation
from .classifier import SeparationSettings as SeparationSettings
from .classifier import separation as separation
from .fixed_words import FixedWord as FixedWord
from .fixed_words import WithoutFormat as WithoutFormat
from .fixed_words import without_format as without_format
from .nearness import Encoder as Encoder
from .nearness import Nearest as Nearest
from .nearness import SoftOverlap as SoftOverlap
from .nearness import SoftVerdict as SoftVerdict
from .nearness import nearest as nearest
from .nearness import soft_overlap as soft_overlap
from .sampling import evenly_sampled as evenly_sampled
