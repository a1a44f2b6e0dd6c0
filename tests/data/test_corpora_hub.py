"""Data sets are streamed by the hub's own library, saved ones and folders too; its failures are one sentence."""

import sys
from types import SimpleNamespace

import pytest

from benchshadow.data.corpora import open_corpus
from benchshadow.data.corpora.hub import Hub, hub
from benchshadow.errors import InputError, MissingExtra

ROWS = {"text": ["one", "", "two"], "n": [1, 2, 3]}


@pytest.fixture
def datasets(tmp_path, monkeypatch):
    """The library itself, without a network and with its cache in the folder of the test."""
    found = pytest.importorskip("datasets", reason="datasets is not installed: it streams the data sets of the hub")
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "cache"))
    found.disable_progress_bars()
    return found


@pytest.fixture
def called(monkeypatch):
    """What the library was asked for, where its place is taken by one that answers with three rows."""
    calls = []

    def load_dataset(name, config, *, split, streaming):
        calls.append((name, config, split, streaming))
        return iter([{"text": text, "n": n} for text, n in zip(*ROWS.values(), strict=True)])

    builder = SimpleNamespace(load_dataset=load_dataset, load_dataset_builder=lambda *a: SimpleNamespace(hash=str(a)))
    monkeypatch.setitem(sys.modules, "datasets", builder)
    return calls


@pytest.mark.parametrize(
    ("named", "asked", "label"),
    [
        ("hf:owner/name", ("owner/name", None, "train", True), "owner/name:train"),
        ("hf:owner/name:en", ("owner/name", "en", "train", True), "owner/name:en:train"),
        ("hf:owner/name:en:test", ("owner/name", "en", "test", True), "owner/name:en:test"),
        ("hf:owner/name::test", ("owner/name", None, "test", True), "owner/name:test"),
    ],
)
def test_an_id_names_data_set_config_and_split_which_are_streamed(named, asked, label, called):
    corpus = open_corpus(named, domain="{n}")
    assert [tuple(each) for each in corpus] == [(f"{label}#1", "one", "1"), (f"{label}#3", "two", "3")]
    assert called == [asked]
    assert corpus.read.empty == 1
    assert corpus.fingerprint != open_corpus("hf:owner/other", domain="{n}").fingerprint


@pytest.mark.parametrize("named", ["hf:", "hf::train", "hf:a:b:c:d"])
def test_an_id_of_another_form_is_refused(named):
    with pytest.raises(InputError, match="must be hf:owner/name, hf:owner/name:config or hf:owner/name:config:split"):
        hub(named)


def test_a_stream_that_breaks_off_says_after_how_many_rows(called, monkeypatch):
    def broken(*args, **settings):
        yield {"text": "one"}
        raise TimeoutError("no answer")

    monkeypatch.setattr(sys.modules["datasets"], "load_dataset", broken)
    with pytest.raises(InputError, match=r"is not after 1 rows \(TimeoutError: no answer\)"):
        list(open_corpus("hf:owner/name"))


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtra, match=r"the data set hf:a/b::train needs the extra 'data': pip install"):
        list(open_corpus("hf:a/b"))


def test_saved_data_sets_are_read_by_the_library_itself(datasets, tmp_path):
    table = datasets.Dataset.from_dict(ROWS)
    table.save_to_disk(tmp_path / "one")
    datasets.DatasetDict({"train": table, "test": table.select([2])}).save_to_disk(tmp_path / "two")
    corpus = open_corpus(f"hf:{tmp_path}/one")
    assert [(each.id, each.text) for each in corpus] == [("one:train#1", "one"), ("one:train#3", "two")]
    assert list(corpus) == list(corpus)
    test = open_corpus(f"hf:{tmp_path}/two::test")
    assert [(each.id, each.text) for each in test] == [("two:test#1", "two")]
    assert test.fingerprint != open_corpus(f"hf:{tmp_path}/two").fingerprint
    with pytest.raises(InputError, match=r"must have the split 'nope' but has \['test', 'train'\]"):
        list(open_corpus(f"hf:{tmp_path}/two::nope", strict=True))


def test_a_folder_of_files_is_streamed_by_the_library_and_known_by_its_builder(datasets, tmp_path):
    folder = tmp_path / "three"
    folder.mkdir()
    datasets.Dataset.from_dict(ROWS).to_parquet(folder / "train.parquet")
    corpus = open_corpus(f"hf:{folder}")
    assert [each.text for each in corpus] == ["one", "two"]
    assert len(Hub(str(folder), "", "train").contents()) > 8
    assert corpus.fingerprint == open_corpus(f"hf:{folder}").fingerprint
    with pytest.raises(InputError, match=r"must be readable by the library datasets but is not .*nope"):
        list(open_corpus(f"hf:{folder}::nope", strict=True))
