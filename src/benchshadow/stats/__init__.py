"""From numbers to statements: intervals, permutation and equivalence tests, corrections, trends, verdicts."""

from .corrections import benjamini_hochberg as benjamini_hochberg
from .corrections import holm as holm
from .equivalence import replicates_for_margin as replicates_for_margin
from .equivalence import tost as tost
from .intervals import Interval as Interval
from .intervals import hedges_g as hedges_g
from .intervals import paired_t as paired_t
from .permutation import MOST as MOST
from .permutation import Permutation as Permutation
from .permutation import p_floor as p_floor
from .permutation import replicates_needed as replicates_needed
from .permutation import sign_flip as sign_flip
from .trajectories import Trajectory as Trajectory
from .trajectories import common_range as common_range
from .trend import Trend as Trend
from .trend import page_trend as page_trend
from .verdicts import FEWEST_BASES as FEWEST_BASES
from .verdicts import FEWEST_REPLICATES as FEWEST_REPLICATES
from .verdicts import LABELS as LABELS
from .verdicts import Verdict as Verdict
from .verdicts import outside_range as outside_range
from .verdicts import verdict as verdict
