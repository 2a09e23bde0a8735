"""The model's vectors, and the word pieces it reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.search.encoder import DIMENSIONS, Encoder, EncoderError, NotInstalled, _installed
from adapters.search.wordpiece import WordPiece

PIECES = [
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "walk", "##ing", "##ers", "robot", "##s", "uber",
    ",", "[", "]", "mask", "語", "c", "+", "2", "##0", "##2", "##6",
]  # fmt: skip


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    pytest.importorskip("onnxruntime", reason="the extra `semantic` is not installed")
    return Encoder()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("Walking robots", ["walk", "##ing", "robot", "##s"]),
        ("walkers,robots", ["walk", "##ers", ",", "robot", "##s"]),
        ("ÜBER", ["uber"]),
        ("[MASK]", ["[", "mask", "]"]),
        ("語語 c++", ["語", "語", "c", "+", "+"]),
        ("walk\x00ing\u200b \t 2026", ["walk", "##ing", "2", "##0", "##2", "##6"]),
        ("zebra walkz", ["[UNK]", "[UNK]"]),
        ("walk" * 30, ["[UNK]"]),
    ],
)
def test_a_text_is_cut_into_the_longest_pieces(text: str, expected: list[str]) -> None:
    numbers = WordPiece(PIECES).numbers(text, 50)
    assert [PIECES[number] for number in numbers] == ["[CLS]", *expected, "[SEP]"]


@given(st.text(max_size=80), st.integers(2, 12))
def test_any_text_is_cut_and_no_longer_than_allowed(text: str, most: int) -> None:
    numbers = WordPiece(PIECES).numbers(text, most)
    assert len(numbers) <= most
    assert (numbers[0], numbers[-1]) == (2, 3)


def test_a_vocabulary_without_special_pieces_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\[UNK\]"):
        WordPiece(["a", "b"])


def test_texts_about_the_same_are_near_each_other(encoder: Encoder) -> None:
    vectors = encoder.encode(
        [
            "Teaching machines to translate between languages",
            "Neural machine translation",
            "Growing tomatoes in a greenhouse",
        ]
    )
    assert vectors.shape == (3, DIMENSIONS)
    assert [round(float(each @ each), 3) for each in vectors] == [1, 1, 1]
    assert vectors[0] @ vectors[1] > 0.5 > 0.2 > vectors[0] @ vectors[2]


def test_a_text_has_the_same_vector_in_whatever_company(encoder: Encoder) -> None:
    text = "Diffusion models"
    (alone,) = encoder.encode([text])
    together = encoder.encode([text, "words " * 300])[0]
    assert alone @ together > 0.99  # rounding to 8 bits depends on the company, a little


@pytest.mark.parametrize("text", ["", " ", "👍", "\x00", "語" * 999, "a" * 10_000, "\ud800"])
def test_odd_texts_have_vectors_too(encoder: Encoder, text: str) -> None:
    (vector,) = encoder.encode([text])
    assert vector @ vector == pytest.approx(1, abs=1e-3)


def test_another_model_is_refused_with_the_cure(tmp_path: Path, encoder: Encoder) -> None:
    other = tmp_path / "model.onnx"
    other.write_bytes(b"weights")
    with pytest.raises(EncoderError, match=r"checksum .*, not 8199be6f.*SEARCH_MODEL"):
        Encoder(model=other)
    with pytest.raises(EncoderError, match=r"cannot be read .*SEARCH_VOCABULARY"):
        Encoder(vocabulary=tmp_path / "none.txt")


def test_a_package_that_is_not_installed_is_named() -> None:
    with pytest.raises(NotInstalled, match=r"no-such-thing is not installed: pip install"):
        _installed("no-such-thing", "file")
