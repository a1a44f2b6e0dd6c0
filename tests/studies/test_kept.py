"""What was computed once is not computed again, whatever else changed; and what was kept changes no number."""

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from layout import imports, sources
from model_pairs import changed, llama, noise, save

import benchshadow
from benchshadow import records
from benchshadow.checkpoints import open_checkpoint
from benchshadow.checkpoints.checkpoint import MappedMatrix
from benchshadow.records import source_code
from benchshadow.spectra import Update
from benchshadow.studies.footprints import kept, one_pair
from benchshadow.studies.footprints.footprint import footprint
from benchshadow.studies.footprints.measurement import measure

LEVELS = (0, 1, 2, 3)
MATRICES = 9


def other(name, value):
    """Another change than `noise`."""
    rng = np.random.default_rng(len(name) + 99)
    return value + 0.2 * value.std() * rng.standard_normal(value.shape).astype(np.float32)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A base, two models tuned from it, and one in which half the matrices are the base's."""
    root = tmp_path_factory.mktemp("models")
    model = llama(layers=1)
    save(model, root / "base", "bfloat16")
    save(changed(model, noise), root / "one", "bfloat16")
    save(changed(model, other), root / "two", "bfloat16")
    save(changed(model, lambda n, w: noise(n, w) if "mlp" in n else w), root / "half", "bfloat16")
    return {each.name: open_checkpoint(each) for each in root.iterdir()}


@pytest.fixture
def counted(monkeypatch):
    """How often a matrix and an update were computed since the last look."""
    seen = {"matrix": 0, "update": [], "read": 0}
    matrix_of, update_of = one_pair.matrix_of, Update.of.__func__
    raw, opened = MappedMatrix.raw, MappedMatrix.opened

    def count_matrix(*given, **more):
        seen["matrix"] += 1
        return matrix_of(*given, **more)

    def count_update(cls, *given, **more):
        seen["update"].append(tuple(more["spectra_of"]))
        return update_of(cls, *given, **more)

    def count_raw(self, start, stop):
        seen["read"] += 1
        return raw(self, start, stop)

    def count_opened(self):
        seen["read"] += 1
        return opened(self)

    monkeypatch.setattr(one_pair, "matrix_of", count_matrix)
    monkeypatch.setattr(Update, "of", classmethod(count_update))
    monkeypatch.setattr(MappedMatrix, "raw", count_raw)
    monkeypatch.setattr(MappedMatrix, "opened", count_opened)

    def look():
        found = dict(seen)
        seen.update(matrix=0, update=[], read=0)
        return found

    return look


def same(one, another):
    """Whether all numbers, bit for bit, and all words are the same."""
    assert one.records.equals(another.records)
    assert one.coverage.equals(another.coverage)
    assert one.spectra.equals(another.spectra)
    assert one.remarks == another.remarks
    assert one.directions.keys() == another.directions.keys()
    for name, each in one.directions.items():
        for part in ("values", "left", "right"):
            np.testing.assert_array_equal(getattr(each.change, part), getattr(another.directions[name].change, part))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("tuned", ["one", "half", "base", None])
def test_a_second_call_reads_no_weights_and_gives_the_same_bits(tuned, level, models, counted, tmp_path):
    pair = models["base"], models[tuned] if tuned else None
    plain = measure(*pair, seed=0, level=level)
    first = measure(*pair, seed=0, level=level, cache=tmp_path)
    assert counted()["read"] > 0
    second = measure(*pair, seed=0, level=level, cache=tmp_path)
    assert counted() == {"matrix": 0, "update": [], "read": 0}
    same(plain, first)
    same(plain, second)


@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize("tuned", ["one", "half"])
def test_what_was_kept_under_other_settings_of_a_change_gives_the_same_bits(tuned, level, models, tmp_path):
    """The sides are kept and the change is not: it is measured without them, and must come out alike."""
    pair = models["base"], models[tuned]
    measure(*pair, seed=0, level=level, cache=tmp_path, rounded_sides=("both",))
    for settings in ({"rounded_sides": ("tuned",), "workers": 2}, {"seed": 5, "spectra_of": ("change",)}):
        given = {"seed": 0, "level": level, **settings}
        same(measure(*pair, **given), measure(*pair, **given, cache=tmp_path))


def test_two_tuned_models_share_the_spectra_of_their_base(models, counted, tmp_path):
    measure(models["base"], models["one"], seed=0, cache=tmp_path)
    assert set(counted()["update"]) == {("base", "tuned")}
    shared = measure(models["base"], models["two"], seed=0, cache=tmp_path)
    assert set(counted()["update"]) == {("tuned",)}
    same(shared, measure(models["base"], models["two"], seed=0))
    counted()
    measure(models["one"], seed=0, cache=tmp_path)
    assert counted()["matrix"] == 0
    measure(models["base"], models["one"], seed=1, cache=tmp_path)
    assert set(counted()["update"]) == {()}


def test_another_level_device_or_tensor_is_not_taken_for_this_one(models, counted, tmp_path):
    measure(models["base"], seed=0, cache=tmp_path)
    counted()
    for level in (0, 1, 3):
        measure(models["base"], seed=0, level=level, cache=tmp_path)
        assert counted()["matrix"] == MATRICES
    found = measure(models["base"], seed=0, device="torch:cpu", cache=tmp_path)
    assert counted()["matrix"] == MATRICES
    assert any("torch" in method or "qr" in method for method in set(found.records["method"]))


def test_a_file_that_changed_is_measured_again(models, counted, tmp_path):
    folder = shutil.copytree(models["one"].path, tmp_path / "copy")
    cache = tmp_path / "cache"
    before = measure(models["base"], open_checkpoint(folder), seed=0, cache=cache)
    shutil.copytree(folder, tmp_path / "elsewhere")
    counted()
    same(before, measure(models["base"], open_checkpoint(tmp_path / "elsewhere"), seed=0, cache=cache))
    assert counted()["read"] == 0
    shutil.copytree(models["two"].path, folder, dirs_exist_ok=True)
    after = measure(models["base"], open_checkpoint(folder), seed=0, cache=cache)
    assert len(counted()["update"]) == MATRICES
    same(after, measure(models["base"], models["two"], seed=0))


@pytest.mark.parametrize("damage", ["cut", "empty", "garbage", "flipped"])
def test_a_damaged_file_is_computed_again(damage, models, counted, tmp_path):
    pair = models["base"], models["one"]
    plain = measure(*pair, seed=0, cache=tmp_path)
    files = sorted((tmp_path / "spectra").rglob("*.safetensors"))
    assert len(files) == 3 * MATRICES
    for file in files[::2]:
        data = file.read_bytes()
        middle = len(data) // 2
        flipped = data[:middle] + bytes([data[middle] ^ 16]) + data[middle + 1 :]
        file.write_bytes({"cut": data[:-5], "empty": b"", "garbage": b"\x07" * 99, "flipped": flipped}[damage])
    counted()
    same(plain, measure(*pair, seed=0, cache=tmp_path))
    assert counted()["read"] > 0
    same(plain, measure(*pair, seed=0, cache=tmp_path))
    assert counted()["read"] == 0


def test_a_cache_that_cannot_be_written_stops_nothing(models, tmp_path):
    file = tmp_path / "a file"
    file.write_text("x", encoding="utf-8")
    pair = models["base"], models["one"]
    plain = measure(*pair, seed=0)
    same(plain, measure(*pair, seed=0, cache=file / "below"))
    blocked = tmp_path / "blocked"
    measure(*pair, seed=0, cache=blocked)
    for kept_file in (blocked / "spectra").rglob("*.safetensors"):
        kept_file.unlink()
        kept_file.mkdir()
    same(plain, measure(*pair, seed=0, cache=blocked))
    assert footprint(*(each.path for each in pair), out=tmp_path / "out", cache=file).refused == 0


def test_what_was_interrupted_goes_on_from_the_matrices_that_were_done(models, counted, tmp_path):
    done = []

    def stop(*said):
        done.append(said)
        if len(done) == 4:
            raise KeyboardInterrupt

    paths = models["base"].path, models["one"].path
    given = {"out": tmp_path / "out", "cache": tmp_path / "cache"}
    with pytest.raises(KeyboardInterrupt):
        footprint(*paths, **given, progress=stop)
    assert len(counted()["update"]) == 4
    assert not (tmp_path / "out" / "summary.json").exists()
    again = footprint(*paths, **given)
    assert len(counted()["update"]) == MATRICES - 4
    whole = footprint(*paths, out=tmp_path / "whole")
    assert again.summary == whole.summary
    assert records.read(tmp_path / "out").equals(records.read(tmp_path / "whole"))


def test_nothing_is_kept_of_a_refused_tensor(tmp_path):
    def spoil(name, value):
        if "layers.0.mlp.up_proj" in name:
            value.flat[0] = np.nan
        return value

    folder = save(changed(llama(layers=1), spoil), tmp_path / "bad")
    for _ in range(2):
        found = measure(open_checkpoint(folder), seed=0, cache=tmp_path / "cache")
        assert found.refused == 1
        assert found.coverage.filter(pl.col("state") == "refused")["canonical"].to_list() == [
            "layers.0.mlp.up_proj.weight"
        ]


def test_weights_in_memory_are_not_kept(tmp_path):
    from benchshadow.checkpoints import from_state_dict

    state = {name: value.numpy() for name, value in llama(layers=1).state_dict().items()}
    measure(from_state_dict(state), seed=0, cache=tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_the_key_leaves_out_stands_nowhere_between_weights_and_a_spectrum():
    """Or the numbers of old code would be given for those of the new."""
    root = Path(benchshadow.__file__).parent
    files = sources(root)
    uses: dict[str, set[str]] = {}
    for each in imports(files):
        uses.setdefault(each.importer, set()).add(each.imported)
    entrances = [f"benchshadow.spectra.{name}" for name in ("update", "spectrum", "device", "factors", "stored")]
    reached, todo = set(), list(entrances)
    while todo:
        module = todo.pop()
        if module not in reached:
            reached.add(module)
            todo += [each for each in uses.get(module, ()) if each.startswith("benchshadow.spectra.")]
    behind = {files[module].path.relative_to(root).as_posix() for module in reached}
    assert len(behind) > 15
    assert not behind & set(kept._READ_OFF)
    assert all((root / each).exists() for each in (*kept._ROOMS, *kept._READ_OFF))


def test_the_key_changes_with_the_code_of_the_rooms_and_not_with_what_is_read_off(tmp_path, monkeypatch):
    copy = shutil.copytree(Path(benchshadow.__file__).parent, tmp_path / "copy")
    monkeypatch.setattr(source_code.resources, "files", lambda _: copy)
    before = source_code.code.__wrapped__(kept._ROOMS, kept._READ_OFF)
    for name, same_key in (("spectra/ranks.py", True), ("spectra/entries.py", False), ("checkpoints/cuts.py", False)):
        file = copy / name
        text = file.read_text(encoding="utf-8")
        file.write_text(text + "# another\n", encoding="utf-8")
        assert (source_code.code.__wrapped__(kept._ROOMS, kept._READ_OFF) == before) == same_key, name
        file.write_text(text, encoding="utf-8")


def test_without_a_folder_nothing_is_kept(models, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCHSHADOW_CACHE", str(tmp_path / "cache"))
    measure(models["base"], models["one"], seed=0)
    assert not list(tmp_path.iterdir())
