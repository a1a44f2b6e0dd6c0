"""What a command said: its exit code and both streams, and the one sentence or object that is expected of them."""

import json
from typing import NamedTuple


class Said(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def only(self) -> dict:
        """Standard output as one JSON object on one line, and nothing else."""
        assert self.out.count("\n") == 1
        assert self.out.endswith("\n")
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found

    @property
    def sentence(self) -> str:
        """Standard error as one line without a traceback, where nothing else was said."""
        assert self.out == ""
        assert self.err.count("\n") == 1
        assert "Traceback" not in self.err
        return self.err.rstrip("\n")

    @property
    def refusal(self) -> str:
        """The one line on standard error beside those that tell what is being done, without a traceback."""
        assert "Traceback" not in self.err
        lines = [line for line in self.err.splitlines() if not line.endswith("...")]
        assert len(lines) == 1
        return lines[0]
