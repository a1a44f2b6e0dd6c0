"""LAPACK as SciPy publishes it gives NumPy's numbers; the room works without torch, and importing it never loads it."""

import subprocess
import sys
import threading

import numpy as np
import pytest

from benchshadow.errors import InputError
from benchshadow.spectra import ArraySource, Spectrum, engines, matrix_of
from benchshadow.spectra.lapack import add_gram, symmetric_eigenvalues, top_eigenvectors

RNG = np.random.default_rng(0)


def symmetric(order, kind):
    matrix = RNG.standard_normal((order, order))
    return (matrix @ matrix.T).astype(kind)


def lower_only(matrix):
    """The lower triangle, with what must not be read above it."""
    found = matrix.copy()
    found[np.triu_indices(len(found), 1)] = np.nan
    return found


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (7, 3), (200, 130)], ids=str)
def test_a_product_is_added_to_the_lower_triangle_and_nothing_else_is_touched(shape, wide, kind):
    block = RNG.standard_normal(shape).astype(kind)
    order = shape[0] if wide else shape[1]
    gram = lower_only(symmetric(order, kind))
    before = gram.copy()
    add_gram(gram, block, wide)
    exact = np.tril(before.astype(np.float64)) + np.tril(
        block.astype(np.float64) @ block.T if wide else block.T.astype(np.float64) @ block
    )
    lower = np.tril_indices(order)
    np.testing.assert_allclose(
        gram[lower], exact[lower], rtol=0, atol=np.finfo(kind).eps * 4 * np.abs(exact[lower]).max()
    )
    assert np.isnan(gram[np.triu_indices(order, 1)]).all()


def test_blocks_that_do_not_fit_or_do_not_lie_row_by_row_are_our_own_mistakes():
    gram = np.zeros((4, 4), np.float32)
    for block in (
        np.ones((5, 3), np.float32),
        np.ones((5, 4)),
        np.ones((4, 5), np.float32).T,
        np.ones((5, 8), np.float32)[:, ::2],
    ):
        with pytest.raises(AssertionError):
            add_gram(gram, block, wide=False)


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("order", [1, 2, 3, 31, 64, 65, 300])
def test_eigenvalues_are_those_of_the_lower_triangle(order, kind):
    matrix = symmetric(order, kind)
    exact = np.linalg.eigvalsh(matrix.astype(np.float64))
    given = lower_only(matrix)
    found = symmetric_eigenvalues(given)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, exact, rtol=0, atol=max(16, order) * np.finfo(kind).eps * exact[-1])
    np.testing.assert_array_equal(given, lower_only(matrix))
    np.testing.assert_array_equal(symmetric_eigenvalues(given, overwrite=True), found)


@pytest.mark.parametrize("count", [1, 5, 32, 500])
@pytest.mark.parametrize("order", [1, 4, 40, 200])
def test_top_eigenvectors_are_orthonormal_and_largest_first(order, count):
    matrix = symmetric(order, "float64")
    given = lower_only(matrix)
    values, vectors = top_eigenvectors(given, count)
    kept = min(order, count)
    assert vectors.shape == (order, kept)
    np.testing.assert_allclose(values, np.linalg.eigvalsh(matrix)[::-1][:kept], rtol=0, atol=1e-12 * values[0])
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(kept), atol=1e-10)
    np.testing.assert_allclose(matrix @ vectors, vectors * values, rtol=0, atol=1e-10 * values[0])
    np.testing.assert_array_equal(given, lower_only(matrix))


def test_threads_beside_each_other_find_what_each_finds_alone():
    arrays = [RNG.standard_normal((420 + 10 * i, 390)).astype(np.float32) for i in range(4)]
    alone = [matrix_of(ArraySource(each), level=2).values for each in arrays]
    found = {}

    def work(i):
        found[i] = [matrix_of(ArraySource(arrays[i]), level=2).values for _ in range(2)]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    for i, expected in enumerate(alone):
        for each in found[i]:
            np.testing.assert_array_equal(each, expected)


def test_importing_the_room_does_not_load_torch():
    script = "import sys, benchshadow.spectra, benchshadow.stats; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_a_device_that_is_not_there_is_refused_in_a_sentence(monkeypatch):
    source = ArraySource(np.random.default_rng(0).standard_normal((90, 80)))
    assert Spectrum.of(source).method == "gram float64, lapack"
    with pytest.raises(InputError, match="must be 'cpu', 'cuda' or 'cuda:N' but is 'gpu'"):
        Spectrum.of(source, device="gpu")
    monkeypatch.setattr(engines.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="which needs torch"):
        Spectrum.of(source, device="cuda")
    assert Spectrum.of(source).method == "gram float64, lapack"


@pytest.mark.parametrize("device", ["cuda:", "torch:", "torch:gpu", "", "CPU", "mps:0", "meta", "torch:cpu:7"])
def test_other_names_of_devices_are_refused_in_a_sentence(device):
    pytest.importorskip("torch")
    with pytest.raises(InputError, match="device: must be 'cpu', 'cuda' or 'cuda:N' but is "):
        Spectrum.of(ArraySource(np.ones((90, 80))), device=device)


def test_an_accelerator_beyond_the_last_is_refused_with_their_number():
    torch = pytest.importorskip("torch")
    there = torch.cuda.device_count()
    with pytest.raises(InputError, match=f"device: is 'cuda:{there}' but torch finds {there} accelerators here"):
        engines.checked_device(f"cuda:{there}")
