"""Tasks in tiers, scored per item under a model."""

from .scores import Scores as Scores
from .scores import score as score
