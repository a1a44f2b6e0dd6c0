"""Tasks in tiers, scored per item under a model."""

from .generation import Generated as Generated
from .generation import generate as generate
from .reading import Reading as Reading
from .reading import read as read
from .scores import METHODS as METHODS
from .scores import Scores as Scores
from .scores import score as score
from .scores import score_all as score_all
