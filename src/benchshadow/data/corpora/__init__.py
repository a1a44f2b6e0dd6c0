"""Corpora as streams of documents: files of many kinds, mixed, sampled, split, cut, weighted and repeated."""

from .choosing import Sample as Sample
from .choosing import Side as Side
from .choosing import Slice as Slice
from .choosing import sample as sample
from .choosing import split as split
from .corpus import Corpus as Corpus
from .corpus import open_corpus as open_corpus
from .held import Held as Held
from .lineage import CHUNK as CHUNK
from .lineage import Documents as Documents
from .mixing import Mix as Mix
from .refusals import Reading as Reading
from .refusals import Refused as Refused
from .repeating import Repeat as Repeat
from .repeating import Weight as Weight
