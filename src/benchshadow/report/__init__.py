"""From the records of a folder to one self-contained HTML page, and to figures for a paper."""

from .writing import figures as figures
from .writing import write as write
