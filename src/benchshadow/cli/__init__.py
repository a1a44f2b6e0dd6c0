"""The command line: each verb parses, calls the public function of its name, and prints."""

from . import data_commands  # noqa: F401 (its verbs join the others as it is read)
from .commands import app as app
from .commands import main as main
