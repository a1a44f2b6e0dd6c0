"""How long `benchshadow --help` takes as a whole process, beside a Python that starts and ends.

Run as  python benchmarks/start.py
It writes results/start-<date>.md beside itself; both take turns, the numbers are medians of eleven.
"""

from __future__ import annotations

import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

ROUNDS = 11
TARGET_SECONDS = 0.3
COMMANDS = {
    "benchshadow --help": [str(Path(sys.executable).with_name("benchshadow")), "--help"],
    "bare Python": [sys.executable, "-c", "pass"],
}


def seconds(command: list[str]) -> float:
    """Wall-clock time of one process from start to end."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    """Measure, print, and write the page."""
    rounds = [{name: seconds(command) for name, command in COMMANDS.items()} for _ in range(ROUNDS + 1)][1:]
    today = datetime.now(UTC).date().isoformat()
    lines = [
        f"# Start of the command line, {today}",
        "",
        f"Whole processes by turns, {ROUNDS} rounds after one to warm up; target: a median under {TARGET_SECONDS} s.",
        "",
        "| command | median s | fastest | slowest |",
        "|---|---|---|---|",
    ]
    for name in COMMANDS:
        times = [each[name] for each in rounds]
        lines.append(f"| `{name}` | {median(times):.3f} | {min(times):.3f} | {max(times):.3f} |")
    lines += [
        "",
        f"Machine: {platform.machine()}, {platform.platform()}, Python {platform.python_version()}.",
    ]
    page = "\n".join(lines) + "\n"
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    (folder / f"start-{today}.md").write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
