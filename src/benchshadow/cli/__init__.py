"""The command line: each verb parses, calls the public function of its name, and prints."""

from . import data_commands, restore_commands  # noqa: F401 (their verbs join the others as they are read)
from .commands import app as app
from .commands import main as main
