"""How diverse a corpus is: an embedding, Vendi scores, cluster coverage, and a panel of all at equal budgets."""

from .clusters import Clusters as Clusters
from .clusters import Coverage as Coverage
from .clusters import coverage as coverage
from .clusters import fit_clusters as fit_clusters
from .clusters import unseen_mass as unseen_mass
from .draws import Budget as Budget
from .draws import Drawn as Drawn
from .draws import drawn as drawn
from .draws import equal_draws as equal_draws
from .embedding import Embedding as Embedding
from .embedding import fit_embedding as fit_embedding
from .kernel import ORDERS as ORDERS
from .kernel import entropy_number as entropy_number
from .kernel import kernel_spectra as kernel_spectra
from .kernel import kernel_spectrum as kernel_spectrum
from .kernel import vendi as vendi
from .panel import Panel as Panel
from .panel import PanelSettings as PanelSettings
from .panel import diversity_panel as diversity_panel
