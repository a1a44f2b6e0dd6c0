"""Token stores and packed streams: the same bits for any number of workers, whole or absent, altered ones found out."""

import errno
import resource

import numpy as np
import polars as pl
import pytest
from data_samples import seeded, two_processes

from benchshadow.data.documents import Document
from benchshadow.data.packing import Again, PackedStream, TokenStore, lay, placed, shuffled
from benchshadow.data.packing import again as again_file
from benchshadow.data.packing import encoding as encoding_file
from benchshadow.data.packing.encoding import coded, token_type
from benchshadow.data.packing.whole import whole_folder
from benchshadow.data.tokenization import encode, end_token, skills_tokenizer, train_bpe
from benchshadow.errors import InputError

SENTENCE = "the grey cat sat on 12 mats, didn't it?  Then\n\n  it left again. "
TOKENIZER = train_bpe([SENTENCE * 3], 300)


def some(count=60, seed=0):
    rng = seeded(seed)
    words = SENTENCE.split()
    texts = [" ".join(rng.choice(words, size=rng.integers(0, 30))) for _ in range(count)]
    return [Document(f"doc {i}", text, f"domain {i % 3}") for i, text in enumerate(texts)]


def files(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_store_holds_every_document_with_its_end_token(tmp_path):
    documents = some()
    store = TokenStore.write(documents, TOKENIZER, tmp_path / "store")
    for read in (store, TokenStore.open(tmp_path / "store")):
        assert len(read) == 60
        assert read.table["id"].to_list() == [document.id for document in documents]
        for index, document in enumerate(documents):
            held = read.ids[read.starts[index] : read.starts[index] + read.lengths[index]]
            assert held.tolist() == [*encode(TOKENIZER, [document.text])[0], end_token(TOKENIZER)]


@pytest.mark.parametrize("block", [1, 100, 1 << 20])
def test_texts_that_were_put_aside_are_read_again_in_any_selection(tmp_path, monkeypatch, block):
    monkeypatch.setattr(again_file, "_BLOCK", block)
    documents = [*some(), Document("", "", ""), Document("last", "naïve – 日本 \n\n", "d")]
    store = TokenStore.write(iter(documents), TOKENIZER, tmp_path / "store", texts=tmp_path / "aside" / "texts")
    again = Again(store, tmp_path / "aside" / "texts")
    assert list(again) == list(again) == documents
    for wanted in ([], [0], [61], [3, 4, 5, 20, 60, 61], [58, 59]):
        assert list(again.at(np.array(wanted, int))) == [documents[number] for number in wanted]


@pytest.mark.parametrize("batch", [1, 200, 10**6])
def test_batches_and_workers_change_no_bit(batch):
    plain = list(coded(some(), TOKENIZER))
    other = list(coded(some(), TOKENIZER, batch=batch, mapped=None if batch == 1 else two_processes))
    assert (len(other) > 1) == (batch < 10**6)
    for name in ("ids", "lengths"):
        one, two = (np.concatenate([getattr(each, name) for each in found]) for found in (plain, other))
        assert np.array_equal(one, two)
        assert one.dtype == two.dtype


def test_stores_of_one_worker_and_of_two_are_the_same_files(tmp_path):
    TokenStore.write(some(), TOKENIZER, tmp_path / "one")
    TokenStore.write(iter(some()), TOKENIZER, tmp_path / "two", mapped=two_processes)
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_the_hash_of_a_store_is_that_of_ids_domains_and_texts(tmp_path):
    first = some(5)
    stores = [first, some(5), first[::-1], [first[0]._replace(text="other"), *first[1:]]]
    stores += [[first[0]._replace(**{name: "other"}), *first[1:]] for name in ("id", "domain")]
    hashes = [
        TokenStore.write(documents, TOKENIZER, tmp_path / str(i)).account["sha256"]
        for i, documents in enumerate(stores)
    ]
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == len(stores) - 1


def test_a_long_document_is_coded_in_pieces_to_the_same_tokens(monkeypatch):
    document = Document("long", SENTENCE * 40, "")
    whole = next(coded([document], TOKENIZER))
    monkeypatch.setattr(encoding_file, "LONGEST", 50)
    parts = list(encoding_file._long(document.text, TOKENIZER))
    assert len(parts) > 20
    assert np.array_equal(next(coded([document], TOKENIZER)).ids, whole.ids)


def test_two_bytes_hold_a_small_vocabulary():
    assert token_type(TOKENIZER) == np.dtype("<u2")

    class Large:
        def get_vocab_size(self):
            return 2**16 + 1

    assert token_type(Large()) == np.dtype("<i4")


def test_a_text_that_cannot_be_said_is_refused_by_name_and_leaves_nothing(tmp_path):
    with pytest.raises(InputError, match=r"must consist of the tokenizer's symbols but is 'été'"):
        TokenStore.write([Document("a", "été", "")], skills_tokenizer(), tmp_path / "store")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_is_one_sentence_and_leaves_nothing(tmp_path):
    documents = some(400)
    TokenStore.write(documents, TOKENIZER, tmp_path / "store")
    (tmp_path / "small").mkdir()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(InputError, match=r"small/store: cannot be written \(File too large\); name a folder with"):
            TokenStore.write(documents, TOKENIZER, tmp_path / "small" / "store")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list((tmp_path / "small").iterdir()) == []


def test_a_whole_folder_replaces_what_was_half_written_and_nothing_else(tmp_path):
    (tmp_path / "a.partial").mkdir()
    (tmp_path / "a.partial" / "rest").touch()
    with whole_folder(tmp_path / "a") as partial:
        assert list(partial.iterdir()) == []
        (partial / "file").touch()
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    with pytest.raises(InputError, match=r"a: must not exist yet but does"), whole_folder(tmp_path / "a"):
        pytest.fail("it was given a folder")
    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(InputError, match=r"b: cannot be written \(No space left on device\)"):  # noqa: SIM117
        with whole_folder(tmp_path / "b"):
            raise full
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.fixture
def stores(tmp_path):
    return [TokenStore.write(some(60, i), TOKENIZER, tmp_path / f"store{i}") for i in range(2)]


def arm_of(stores, length=16):
    lengths = np.concatenate([store.lengths for store in stores])
    rng = seeded(3)
    control = shuffled(lay(rng.permutation(60), lengths, sequences=20, length=length), 20, rng)
    mixed = rng.permutation(120).repeat(2)
    return placed(control, lay(mixed, lengths, sequences=5, length=length), np.array([1, 2, 9, 10, 19]))


def test_a_packed_stream_holds_the_tokens_of_its_documents(stores, tmp_path):
    pieces = arm_of(stores)
    stream = PackedStream.write(pieces, stores, tmp_path / "arm", length=16)
    assert stream.ids.shape == (20, 16)
    table = stream.documents
    by_name = [
        {
            name: store.ids[store.starts[i] : store.starts[i] + store.lengths[i]]
            for i, name in enumerate(store.table["id"])
        }
        for store in stores
    ]
    whole = pieces.joined()
    flat = []
    for row, document, offset in zip(table.iter_rows(named=True), whole.document, whole.offset, strict=True):
        assert row["start"] == len(flat)
        held = by_name[int(document >= 60)][row["id"]]
        flat += held[offset : offset + row["tokens"]].tolist()
    assert stream.ids.ravel().tolist() == flat
    counted = table.group_by("id").agg(pl.col("copy").n_unique().alias("there"), pl.col("copies").max())
    once = counted.filter(pl.col("copies") == 1)
    assert (once["there"] == 1).all()
    assert (stream.documents["copies"] > 1).any()


def test_blocks_change_no_bit(stores, tmp_path, monkeypatch):
    seen = []
    one = PackedStream.write(arm_of(stores), stores, tmp_path / "one", length=16)
    monkeypatch.setattr("benchshadow.data.packing.packed.BLOCK", 48)
    two = PackedStream.write(
        arm_of(stores), stores, tmp_path / "two", length=16, watch=[lambda i, rows: seen.append((i, rows.copy()))]
    )
    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert [i for i, _ in seen] == [0, 3, 6, 9, 12, 15, 18]
    assert np.array_equal(np.concatenate([rows for _, rows in seen]), one.ids)
    assert one.sha256 == two.sha256 == one.rehashed() == two.rehashed() == PackedStream.open(tmp_path / "one").sha256


def test_what_is_cut_short_or_altered_is_refused(stores, tmp_path):
    stream = PackedStream.write(arm_of(stores), stores, tmp_path / "arm", length=16)
    tokens = tmp_path / "arm" / "tokens.bin"
    whole = tokens.read_bytes()
    tokens.write_bytes(whole[:-2])
    with pytest.raises(InputError, match=r"tokens.bin: must hold 640 bytes but holds 638"):
        PackedStream.open(tmp_path / "arm")
    tokens.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    assert PackedStream.open(tmp_path / "arm").rehashed() != stream.sha256
    account = tmp_path / "arm" / "packed.json"
    account.write_text(account.read_text().replace('"length": 16', '"length": 32'))
    with pytest.raises(InputError, match=r"packed.json: must be as it was written but is not"):
        PackedStream.open(tmp_path / "arm")
    (tmp_path / "store0" / "tokens.bin").write_bytes(b"")
    with pytest.raises(InputError, match=r"tokens.bin: must hold \d+ bytes for its documents but holds 0"):
        TokenStore.open(tmp_path / "store0")
