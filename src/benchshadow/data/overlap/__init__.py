"""Verbatim and weighted overlap of a corpus with benchmarks' items, under the published rules side by side."""

from .index import ItemIndex as ItemIndex
from .partial import DocumentOverlap as DocumentOverlap
from .partial import Evidence as Evidence
from .partial import Partial as Partial
from .partial import merge as merge
from .rules import RULES as RULES
from .rules import ItemOverlap as ItemOverlap
from .rules import Rule as Rule
from .rules import document_table as document_table
from .rules import overlap_table as overlap_table
from .rules import verdicts as verdicts
from .scanning import scan as scan
from .sharing import DOCUMENTS as DOCUMENTS
from .sharing import SharedPassage as SharedPassage
from .sharing import Sharing as Sharing
from .sharing import sharing_table as sharing_table
from .sharing import telling as telling
from .words import words as words
