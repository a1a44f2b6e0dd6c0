"""From a matrix, or from the change of one, to numbers: spectra, norms, ranks, tails, and the nulls beside them."""

from .along import Along as Along
from .along import Component as Component
from .along import component as component
from .directions import Directions as Directions
from .factors import Factors as Factors
from .formats import FORMATS as FORMATS
from .formats import ulp as ulp
from .marchenko_pastur import BulkFit as BulkFit
from .measure import Measure as Measure
from .measure import diagnostics as diagnostics
from .measure import measure_change as measure_change
from .measure import measure_matrix as measure_matrix
from .moments import Moments as Moments
from .registered import Reading as Reading
from .registered import Undefined as Undefined
from .registered import diagnostic as diagnostic
from .rounding import SIDES as SIDES
from .rounding import RoundingNull as RoundingNull
from .source import ArraySource as ArraySource
from .source import MatrixSource as MatrixSource
from .spectrum import Spectrum as Spectrum
from .spectrum import matrix_of as matrix_of
from .tails import TailFit as TailFit
from .update import Unchanged as Unchanged
from .update import Update as Update
from .update import check_level as check_level
