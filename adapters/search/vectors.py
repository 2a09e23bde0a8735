"""The vectors of papers, in memory and in one file beside the index.

Each record of the file stands alone: digests of the paper's id and of the text that was encoded,
the vector in 16-bit numbers, and a checksum. Records are only ever added at the end; the last one
of a paper counts. What a crash tore, or a disk damaged, is left out and encoded again.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import numpy as np

from adapters.search.encoder import DIMENSIONS, MODEL_SUM
from bot.domain.papers import Paper, PaperId

FILE = "vectors"
MARK = b"daily-papers vectors 1 " + MODEL_SUM.encode() + b"\n"
"""How the file begins; another beginning is another model's, or another format's."""

DIGEST = 8
_RECORD = np.dtype(
    [
        ("paper", f"V{DIGEST}"),
        ("text", f"V{DIGEST}"),
        ("vector", np.float16, (DIMENSIONS,)),
        ("sum", "<u4"),
    ]
)
_SUMMED = _RECORD.itemsize - 4

WASTE = 2
"""A file with so many records for each paper is written anew when it is opened."""

FIRST_ROWS = 1_024

Vectors = np.ndarray[tuple[int, ...], np.dtype[np.float32]]
Records = np.ndarray[tuple[int, ...], np.dtype[np.void]]


def text_of(paper: Paper) -> str:
    """Return what of a paper is encoded."""
    return f"{paper.title} {paper.abstract}"


class VectorShelf:
    """Vectors by paper; all of them are in memory, 1.5 kB each.

    Args:
        folder: Where the file is, or ``None``: memory alone.
        papers: Those whose vectors are wanted.

    Raises:
        OSError: if the file can be neither read nor written.
    """

    def __init__(self, folder: Path | None, papers: Iterable[Paper]) -> None:
        self._ids: list[PaperId] = []
        self._rows: dict[PaperId, int] = {}
        self._texts: dict[PaperId, bytes] = {}
        self._matrix: Vectors = np.zeros((FIRST_ROWS, DIMENSIONS), np.float32)
        self._file = folder / FILE if folder else None
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            self._read(folder / FILE, {_digest(str(each.id)): each.id for each in papers})

    def __len__(self) -> int:
        return len(self._ids)

    def lacks(self, paper: Paper) -> bool:
        """Tell whether a paper has no vector, or only one of an earlier text."""
        return self._texts.get(paper.id) != _digest(text_of(paper))

    def add(self, papers: Collection[Paper], vectors: Vectors) -> None:
        """Take in the vectors of papers, row by row, replacing earlier ones.

        Raises:
            OSError: if they cannot be written; in memory they are all the same.
        """
        records = np.zeros(len(papers), _RECORD)
        for record, paper, vector in zip(records, papers, vectors, strict=True):
            text = _digest(text_of(paper))
            self._put(paper.id, text, vector)
            record["paper"] = np.void(_digest(str(paper.id)))
            record["text"] = np.void(text)
            record["vector"] = vector
            record["sum"] = zlib.crc32(record.tobytes()[:_SUMMED])
        if self._file is not None:
            with self._file.open("ab") as stream:
                stream.write(records.tobytes())

    def nearest(
        self, vector: Vectors, limit: int, least: float, among: Collection[PaperId] | None = None
    ) -> list[PaperId]:
        """Return the papers whose vectors are nearest to one, nearest first.

        Args:
            vector: Of length one, as are all of them.
            limit: How many at the most.
            least: The least cosine; 1 is the same direction.
            among: Those that come into question, or all.
        """
        number = len(self._ids)
        if among is None:
            rows = np.arange(number)
            scores = self._matrix[:number] @ vector
        else:
            known = sorted(row for each in among if (row := self._rows.get(each)) is not None)
            rows = np.array(known, dtype=np.intp)
            scores = self._matrix[rows] @ vector
        near = np.argpartition(-scores, limit)[:limit] if len(scores) > limit else slice(None)
        rows, scores = rows[near], scores[near]
        order = np.argsort(-scores, kind="stable")
        return [self._ids[rows[each]] for each in order if scores[each] >= least]

    def vector(self, paper: PaperId) -> Vectors | None:
        """Return the vector of a paper, if it has one."""
        row = self._rows.get(paper)
        return None if row is None else self._matrix[row]

    def forsake(self) -> None:
        """Write no more: the file cannot be written any longer."""
        self._file = None

    def _put(self, paper: PaperId, text: bytes, vector: Vectors) -> None:
        row = self._rows.get(paper, len(self._ids))
        if row == len(self._matrix):
            self._matrix = np.concatenate((self._matrix, np.zeros_like(self._matrix)))
        self._matrix[row] = vector
        if row == len(self._ids):  # from here on others look at the row
            self._ids.append(paper)
            self._rows[paper] = row
        self._texts[paper] = text

    def _read(self, file: Path, known: Mapping[bytes, PaperId]) -> None:
        records = _records(file)
        for record in records:
            paper = known.get(record["paper"].tobytes())
            if paper is not None:
                self._put(paper, record["text"].tobytes(), record["vector"].astype(np.float32))
        whole = len(MARK) + records.nbytes
        if not file.exists() or file.stat().st_size != whole or len(records) > WASTE * len(self):
            _write_anew(file, records, {_digest(str(each)) for each in self._ids})


def _records(file: Path) -> Records:
    """Return the sound records of a file; none if it is missing or begins otherwise."""
    none = np.zeros(0, _RECORD)
    if not file.exists():
        return none
    data = file.read_bytes()
    if not data.startswith(MARK):
        return none
    body = memoryview(data)[len(MARK) :]
    records = np.frombuffer(body[: len(body) // _RECORD.itemsize * _RECORD.itemsize], _RECORD)
    sound = [zlib.crc32(each.tobytes()[:_SUMMED]) == each["sum"] for each in records]
    found: Records = records[np.array(sound, bool)]
    return found


def _write_anew(file: Path, records: Records, wanted: set[bytes]) -> None:
    """Replace a file by one with the last record of each paper that is wanted."""
    last = {each["paper"].tobytes(): row for row, each in enumerate(records)}
    kept = records[sorted(row for paper, row in last.items() if paper in wanted)]
    new = file.with_suffix(".new")
    new.write_bytes(MARK + kept.tobytes())
    os.replace(new, file)


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=DIGEST).digest()
