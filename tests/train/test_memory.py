"""The heap keeps what a step frees where the C library can be asked to, and says where it cannot."""

import platform
import resource
import subprocess
import sys

import pytest

from benchshadow.train.memory import keep_freed_memory

GLIBC = platform.libc_ver()[0] == "glibc"

FAULTS = """
import resource, sys, torch
from benchshadow.train.memory import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
torch.set_num_threads(1)
for turn in range(30):
    if turn == 10:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(12_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_it_says_whether_the_library_agreed():
    assert keep_freed_memory() is GLIBC
    assert keep_freed_memory() is GLIBC


@pytest.mark.slow
@pytest.mark.skipif(not GLIBC, reason="only glibc can be asked")
def test_large_tensors_are_made_again_from_the_same_pages():
    faults = {
        how: int(subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True).stdout)
        for how in ("keep", "give back")
    }
    pages = 20 * 12_000_000 * 4 // resource.getpagesize()
    assert faults["keep"] < pages / 50
    assert faults["keep"] < faults["give back"] / 10
