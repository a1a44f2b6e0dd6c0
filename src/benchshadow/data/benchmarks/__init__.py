"""Benchmarks: items read in the view that is compared, split into halves, and kept apart from each other."""

from .reading import Benchmark as Benchmark
from .reading import read_benchmark as read_benchmark
from .separation import Halves as Halves
from .separation import Removed as Removed
from .separation import Separated as Separated
from .separation import across as across
from .separation import halves as halves
from .separation import splitting as splitting
from .views import SCHEMAS as SCHEMAS
from .views import VIEWS as VIEWS
from .views import Schema as Schema
from .views import View as View
