"""Near-duplicates with datasketch in one process of its own environment: candidates of the same bands, not verified."""

import argparse
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

WORD = re.compile(r"\w+")


def shingles(text: str) -> list[bytes]:
    """Runs of five words, lower case."""
    words = WORD.findall(text.lower())
    return [" ".join(words[place : place + 5]).encode() for place in range(len(words) - 4)]


def main() -> None:
    """Write the candidate pairs, and the seconds for all documents, start, import and reading left out."""
    parser = argparse.ArgumentParser()
    parser.add_argument("corpus")
    parser.add_argument("documents", type=int)
    parser.add_argument("out")
    parser.add_argument("--documented", action="store_true", help="as its documentation shows: SHA-1, one by one")
    given = parser.parse_args()
    import xxhash
    from datasketch import MinHash, MinHashLSH

    with Path(given.corpus).open(encoding="utf-8") as lines:
        texts = [json.loads(line) for line, _ in zip(lines, range(given.documents), strict=False)]

    def documented() -> Iterator[MinHash]:
        for found in map(shingles, texts):
            sketch = MinHash(num_perm=112)
            for shingle in found:
                sketch.update(shingle)
            yield sketch

    begin = time.perf_counter()
    index, pairs = MinHashLSH(num_perm=112, params=(14, 8)), []
    quickest = MinHash.generator(map(shingles, texts), num_perm=112, hashfunc=xxhash.xxh32_intdigest)
    for number, sketch in enumerate(documented() if given.documented else quickest):
        pairs += [(other, number) for other in index.query(sketch)]
        index.insert(number, sketch)
    seconds = time.perf_counter() - begin
    Path(given.out).write_text(json.dumps({"seconds": seconds, "pairs": pairs}), encoding="utf-8")


if __name__ == "__main__":
    main()
