"""The command line: each verb parses, calls the public function of its name, and prints."""

from .commands import app as app
from .commands import main as main
