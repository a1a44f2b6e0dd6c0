"""Tasks in tiers, scored per item under a model."""

from .reading import Reading as Reading
from .reading import read as read
from .scores import Scores as Scores
from .scores import score as score
