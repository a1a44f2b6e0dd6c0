"""The small study of the studies' tests, for the command line."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "studies"))
