"""Cut a text into the word pieces of BERT's lower-case vocabulary.

The rules are those of BERT's own tokenizer: accents go, signs and Chinese characters stand alone, a
word becomes the longest pieces that the vocabulary has, from the left. What looks like a special
token in a text, such as ``[MASK]``, stays text.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache

LONGEST_WORD = 100
WORDS_KEPT = 50_000

_CJK = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


class WordPiece:
    """A tokenizer.

    Args:
        vocabulary: The pieces, each at the place that is its number.

    Raises:
        ValueError: if a special token is missing.
    """

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self._numbers = {piece: number for number, piece in enumerate(vocabulary)}
        try:
            self._unknown, self._start, self._end = (
                self._numbers[special] for special in ("[UNK]", "[CLS]", "[SEP]")
            )
        except KeyError as error:
            raise ValueError(f"the vocabulary lacks {error}") from error
        self._word = lru_cache(WORDS_KEPT)(self._pieces)

    def numbers(self, text: str, most: int) -> list[int]:
        """Return the numbers of a text's pieces, start and end marks included, ``most`` at most."""
        found = [self._start]
        for word in _words(text):
            found += self._word(word)
            if len(found) >= most:
                break
        return [*found[: most - 1], self._end]

    def _pieces(self, word: str) -> tuple[int, ...]:
        if len(word) > LONGEST_WORD:
            return (self._unknown,)
        found: list[int] = []
        start = 0
        while start < len(word):
            before = "##" if start else ""
            for end in range(len(word), start, -1):
                number = self._numbers.get(before + word[start:end])
                if number is not None:
                    found.append(number)
                    start = end
                    break
            else:
                return (self._unknown,)
        return tuple(found)


def _words(text: str) -> list[str]:
    """Return the words of a text, folded, each sign a word of its own."""
    spaced = "".join(map(_spaced, text))
    bare = "".join(
        each for each in unicodedata.normalize("NFD", spaced) if unicodedata.category(each) != "Mn"
    )
    return "".join(f" {each} " if _is_sign(each) else each for each in bare.lower()).split()


@lru_cache(WORDS_KEPT)
def _spaced(character: str) -> str:
    if character in "\t\n\r":
        return " "
    category = unicodedata.category(character)
    if category.startswith("C") or character == "\ufffd":
        return ""
    if category == "Zs":
        return " "
    code = ord(character)
    return f" {character} " if any(low <= code <= high for low, high in _CJK) else character


@lru_cache(WORDS_KEPT)
def _is_sign(character: str) -> bool:
    return (character.isascii() and character.isprintable() and not character.isalnum()) or (
        unicodedata.category(character).startswith("P")
    )
