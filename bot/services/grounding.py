"""Hold what a language model wrote against the text it was given. Pure.

A model reads text that anybody may have written, and may be led astray by it. So nothing of what it
writes is believed: a claim is kept only with a quotation that stands in the text, and of its words
nothing is kept that acts rather than tells, such as links, mentions and markup.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from bot.text import ELLIPSIS, one_line

SHORTEST_QUOTE = 3
"""Words; fewer stand in any text."""

_MARKDOWN_LINK = re.compile(r"!?\[([^\[\]]*)\]\s*\([^()]*\)|!\[[^\]]*\]\S*")
_SLACK_LINK = re.compile(r"<(?:https?:|mailto:|[#@!])[^<>|]*(?:\|([^<>]*))?>")
_TAG = re.compile(r"<[^<>]{1,200}>")
_ADDRESS = re.compile(
    r"[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+"
    r"|\b(?:[a-z][a-z0-9+.-]{1,20}:(?=[^\s\d])(?://)?|www\.)[^\s()<>\[\]]+"
    r"|\b(?:[a-z0-9-]{1,63}\.)+[a-z]{2,24}/[^\s()<>\[\]]*"
    r"|\b(?:[a-z0-9-]{1,63}\.)+(?:com|net|org|io|ai|co|dev|app|xyz|ru|cn|info|me|ly|gg|link|site"
    r"|top|zip|sh|tk|click|online)\b",
    re.IGNORECASE,
)
_MENTION = re.compile(r"[@＠﹫](?=[\w<!&])|<[@#!&][^>\s]*>?")
_MARKUP = re.compile(r"[*_~`|]{2,}|`|^\s*(?:[-*•>#]+|\d{1,2}[.)])\s+")
_EMPTY = re.compile(r"\(\s*\)|\[\s*\]|\s+(?=[.,;:!?)])")

_DASHES = str.maketrans(
    {**dict.fromkeys("‐‑‒–—―−", "-"), **dict.fromkeys("“”„«»\"'‘’‚`", " "), ELLIPSIS: " "}
)
_WORD = re.compile(r"[^\W_]+")

_ORDERS = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b.{0,40}\b(?:instructions?|prompts?|rules)\b"
    r"|\b(?:system|developer|hidden) (?:prompt|message|instructions?)\b"
    r"|\b(?:you are|act as|pretend to be|respond as)\b.{0,20}\b(?:ai|assistant|model|chatgpt|bot)\b"
    r"|\b(?:language model|llm|ai|assistant|reviewer)s?\b.{0,30}\b(?:must|should now|shall)\b"
    r".{0,30}\b(?:say|write|output|respond|reply|recommend|print|include|repeat|post)\b"
    r"|^\W*(?:note|attention|important)?\W*(?:please )?(?:summari[sz]e this|output only|reply only"
    r"|respond only|say only|begin your|start your|print the|repeat after|post the|include the link"
    r"|click|visit|send)\b"
    r"|<\|.{0,30}\|>|\[/?inst\]|\bjailbr(?:eak|oken) (?:mode|prompt)\b",
    re.IGNORECASE,
)
"""Sentences that speak to a model rather than to a reader. A filter of this kind is never whole:
it spares the model the plainest ones, and everything after it expects that it failed."""


def sanitized(text: str) -> str:
    """Return a model's words as plain text on one line: no address, no mention, no markup."""
    line = one_line(unicodedata.normalize("NFKC", text))
    line = _MARKDOWN_LINK.sub(lambda found: found[1] or "", line)
    line = _SLACK_LINK.sub(lambda found: found[1] or "", line)
    for pattern in (_TAG, _ADDRESS, _MENTION, _MARKUP):
        line = pattern.sub("", line)
    return one_line(_EMPTY.sub("", line))


def quoted(quote: str, sentences: Iterable[str]) -> tuple[str, int] | None:
    """Return the sentence that holds a quotation, and its place, if any does.

    Case, white space, quotation marks and the kind of dashes do not matter, words do. A quotation
    over the end of a sentence counts for the first one, if the next goes on with it.
    """
    wanted = _words(quote)
    if len(wanted) < SHORTEST_QUOTE:
        return None
    known = [(sentence, _words(sentence)) for sentence in sentences]
    needle = _spaced(wanted)
    for place, (sentence, words) in enumerate(known):
        following = known[place + 1][1] if place + 1 < len(known) else []
        at = _spaced([*words, *following]).find(needle)
        if 0 <= at < len(_spaced(words)) - 1:
            return sentence, place
    return None


def is_order(sentence: str) -> bool:
    """Tell whether a sentence speaks to a language model rather than to a reader."""
    return _ORDERS.search(one_line(unicodedata.normalize("NFKC", sentence))) is not None


def shares_words(claim: str, text: str, least: float) -> bool:
    """Tell whether enough of a claim's words, by their first five letters, stand in a text."""
    told = {word[:5] for word in _words(claim) if len(word) > 3}
    known = {word[:5] for word in _words(text)}
    return not told or len(told & known) / len(told) >= least


def _words(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKC", text).translate(_DASHES).casefold()
    return _WORD.findall(folded)


def _spaced(words: Iterable[str]) -> str:
    return f" {' '.join(words)} "
