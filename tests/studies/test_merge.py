"""Folders of one study come together as if it had been run in one; folders of others are refused by what differs."""

import json
import shutil

import pytest
from outcomes import hashes
from small_study import write_study

from benchshadow.errors import InputError
from benchshadow.records import read_json, seal, write_json
from benchshadow.studies.grid import study_run
from benchshadow.studies.merge import study_merge

CONCLUDED = ("claims.json", "statements.json", "summary.json", "records.parquet", "study.json")


def part(whole, folder, *left_out):
    """A copy of the whole study as if only some of its replicates had been run there."""
    out = shutil.copytree(whole.out, folder)
    for name in left_out:
        for place in list(out.glob(f"runs/{name}.*")):
            shutil.rmtree(place) if place.is_dir() else place.unlink()
    for name in CONCLUDED:
        (out / name).unlink(missing_ok=True)
    return out


@pytest.fixture
def parts(whole, tmp_path):
    return part(whole, tmp_path / "one", "*.1"), part(whole, tmp_path / "two", "*.0")


def of_runs(found: dict[str, str]) -> dict[str, str]:
    return {place: value for place, value in found.items() if ".lock" not in place}


def test_two_parts_give_the_hashes_of_the_whole(whole, parts, tmp_path):
    merged = study_merge(parts, out=tmp_path / "merged")
    assert merged.summary["runs"] == {"whole": 8, "failed": 0, "planned": 8}
    wanted = of_runs(hashes(whole.out))
    assert {place: value for place, value in of_runs(hashes(merged.folder)).items() if place in wanted} == wanted
    assert {folder.name for folder in merged.taken.values()} == {"one", "two"}
    assert list(merged.folder.rglob("*partial*")) == []


def test_the_merged_folder_is_gone_on_with_and_merged_again(whole, parts, tmp_path):
    first = study_merge(parts, out=tmp_path / "merged")
    before = {path: path.stat().st_mtime_ns for path in first.folder.glob("runs/*/**/*")}
    done = study_run(whole.file, out=first.folder, workers=1)
    assert done.failed == {}
    study_merge(parts, out=tmp_path / "merged")
    assert {path: path.stat().st_mtime_ns for path in first.folder.glob("runs/*/**/*")} == before


def test_a_cell_that_nobody_ran_is_planned_and_not_whole(whole, parts, tmp_path):
    for place in parts[1].glob("runs/half.1.*"):
        shutil.rmtree(place) if place.is_dir() else place.unlink()
    merged = study_merge(parts, out=tmp_path / "merged")
    assert merged.summary["runs"] == {"whole": 7, "failed": 0, "planned": 8}


def test_a_replicate_alone_is_run_with_its_base_and_joins_the_rest(whole, tmp_path):
    alone = study_run(whole.file, out=tmp_path / "alone", workers=1, replicates=[1])
    assert alone.summary["runs"] == {"whole": 4, "failed": 0, "planned": 8}
    rest = part(whole, tmp_path / "rest", "*.1")
    merged = study_merge([alone.folder, rest], out=tmp_path / "merged")
    wanted = {place: value for place, value in hashes(whole.out).items() if place.startswith("runs/")}
    assert {place: value for place, value in hashes(merged.folder).items() if place.startswith("runs/")} == wanted
    with pytest.raises(InputError, match="--replicates: must be among those of the study, 0, 1, but holds 7"):
        study_run(whole.file, out=tmp_path / "other", workers=1, replicates=[7])


def reseal(manifest, **changes):
    content = read_json(manifest)
    for key, value in changes.items():
        *path, last = key.split("__")
        inner = content
        for each in path:
            inner = inner[each]
        inner[last] = value
    write_json(manifest, seal(content))


def one_of(out, pattern):
    return next(iter(sorted(out.glob(pattern))))


def test_another_study_is_refused_by_what_differs(whole, parts, tmp_path):
    write_study(parts[1], ("seed = 3", "seed = 4"))
    with pytest.raises(InputError, match=r"two: is of another study than .*one: seed was 3, is 4"):
        study_merge(parts, out=tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_other_libraries_are_refused_by_name(parts, tmp_path):
    manifest = one_of(parts[1], "runs/aligned.1.*/manifest.json")
    reseal(manifest, environment__libraries__torch="0.1")
    with pytest.raises(InputError, match=r"other conditions than .*: environment.libraries.torch was '.*', is '0.1'"):
        study_merge(parts, out=tmp_path / "merged")


def test_a_base_that_came_out_otherwise_is_refused(parts, tmp_path):
    manifest = one_of(parts[1], "bases/*/manifest.json")
    reseal(manifest, results__weights_sha256="0" * 64)
    with pytest.raises(InputError, match=r"came out otherwise than .*: results.weights_sha256 was .*one place"):
        study_merge(parts, out=tmp_path / "merged")


def test_a_manifest_that_was_altered_is_refused(parts, tmp_path):
    manifest = one_of(parts[1], "runs/*/manifest.json")
    manifest.write_text(json.dumps(read_json(manifest) | {"replicate": 5}), encoding="utf-8")
    with pytest.raises(InputError, match="was altered after it was sealed"):
        study_merge(parts, out=tmp_path / "merged")


def test_what_is_no_study_is_refused(whole, parts, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: must be the folder of a study but holds no study.toml"):
        study_merge([parts[0], tmp_path / "empty"], out=tmp_path / "merged")
    with pytest.raises(InputError, match="study merge: needs two folders or more but was given 1"):
        study_merge([parts[0]], out=tmp_path / "merged")


def tell_measured(out, pattern="*", **changes):
    for file in out.glob(f"runs/{pattern}/measured.json"):
        write_json(file, read_json(file) | changes)


def test_runs_that_other_code_measured_are_refused_though_no_cell_stands_in_both(parts, tmp_path):
    tell_measured(parts[1], code="0" * 64)
    with pytest.raises(InputError, match=r"two/runs/.*: was measured by other code than .*one/runs/.*each of them"):
        study_merge(parts, out=tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_one_run_that_two_definitions_measured_is_refused(whole, parts, tmp_path):
    other = part(whole, tmp_path / "other", "*.1")
    tell_measured(other, "half.0.*", key="0" * 64)
    with pytest.raises(InputError, match=r"other/runs/half\.0.*: was measured by other definitions than .*one/runs"):
        study_merge([parts[0], other], out=tmp_path / "merged")


def test_runs_that_were_measured_again_take_the_place_of_what_was_merged_before(parts, tmp_path):
    study_merge(parts, out=tmp_path / "merged")
    for place in parts:
        for run in place.glob("runs/*[0-9a-f]/"):
            (run / "again").touch()
            tell_measured(place, run.name, key=f"again {run.name}", code="0" * 64)
    merged = study_merge(parts, out=tmp_path / "merged")
    assert merged.summary["runs"] == {"whole": 8, "failed": 0, "planned": 8}
    runs = list(merged.folder.glob("runs/*/"))
    assert len(runs) == 8
    assert all((run / "again").is_file() for run in runs)
    assert all(read_json(run / "measured.json")["key"] == f"again {run.name}" for run in runs)
