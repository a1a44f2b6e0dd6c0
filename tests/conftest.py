"""What holds in every test: shapes and types of the pure rooms are checked, one thread, and where the data is."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

_pure = ["benchshadow.spectra", "benchshadow.stats"]
_early = [name for name in _pure if name in sys.modules]
assert not _early, f"imported before their shapes could be checked: {_early}"
install_import_hook(_pure, "beartype.beartype")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Hold torch to one thread where a test, or a module it imported, has loaded it."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.get_num_threads() != 1:
        torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Spectra are kept in a folder of this run, never in the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCHSHADOW_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real data sets; a test that needs it is skipped where there is none."""
    named = os.environ.get("BENCHSHADOW_DATA")
    if not named:
        pytest.skip("BENCHSHADOW_DATA is not set: it names the folder of the real data sets")
    folder = Path(named)
    if not folder.is_dir():
        pytest.fail(f"BENCHSHADOW_DATA must name a folder but is {named!r}")
    return folder


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """Where everything is said to be there (BENCHSHADOW_NO_SKIPS=1), a skip is a failure."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("BENCHSHADOW_NO_SKIPS") == "1":
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped where nothing may be: {report.longrepr}"
    return report
