"""What tells a sentence that sums an abstract up from one that does not. Pure.

Each sentence is described by named numbers: where it stands, how long it is, what it shares with
the title and with the other sentences, the phrases it holds, and its n-grams of words.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise

from tantivy import Filter, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

MOST = 60
"""Sentences that are compared with one another; of a longer text only the first so many."""

WORDS_READ = 150
"""Of one sentence; what goes on for longer is no sentence."""

BIAS = 0.5
"""Weight of the title in a walk from sentence to sentence, against that of likeness."""

ROUNDS = 15

Features = dict[str, float]

_CUES = {
    "this paper": r"\b(?:this|our) (?:paper|work|study|article|report)\b",
    "in this": r"\bin this (?:paper|work|study|article)\b",
    "we propose": r"\bwe (?:\w+ly )?(?:propose|introduce|present|develop|describe|design|devise)\b",
    "we also": r"\bwe (?:also|further|additionally)\b",
    "we show": r"\bwe (?:\w+ly )?(?:show|demonstrate|prove|find|observe|illustrate|establish)\b",
    "we study": (
        r"\bwe (?:\w+ly )?(?:study|investigate|analy[sz]e|explore|examine|consider|address)\b"
    ),
    "we use": r"\bwe (?:use|apply|leverage|employ|adopt|utili[sz]e|train|evaluate|compare|test)\b",
    "we": r"\bwe\b",
    "our": r"\bour\b",
    "our method": (
        r"\bour (?:\w+ )?(?:method|model|approach|algorithm|framework|system|network)s?\b"
    ),
    "named": r"\b(?:called|named|dubbed|termed|coined|referred to as|which we call)\b",
    "novel": r"\b(?:new|novel)\b",
    "a novel": r"\ba (?:new|novel|simple|general|unified|scalable|practical)\b",
    "contrast": r"^(?:however|but|yet|unfortunately|despite|although|while|though|nevertheless)\b",
    "however": r"\b(?:however|unfortunately|challenging|difficult|limited|suffer)\w*\b",
    "results": r"\b(?:results?|experiments?|experimental|empirical(?:ly)?|evaluations?)\b",
    "outperforms": r"\b(?:outperform|state-of-the-art|superior|improv|better|exceed|surpass)\w*\b",
    "by doing": r"\bby \w+ing\b",
    "to this end": (
        r"^(?:to (?:this end|address|tackle|overcome|solve)|motivated by|inspired by)\b"
    ),
    "based on": r"\bbased (?:on|upon)\b",
    "that": r"\bthat\b",
    "which": r"\bwhich\b",
    "for": r"\bfor\b",
    "recent": r"\b(?:recent(?:ly)?|increasing(?:ly)?|popular|widely|emerg)\w*\b",
    "is a": r"^(?:the |an? )?(?:\S+ ){1,4}(?:is|are|has|have) (?:an?|been|become)\b",
    "specifically": r"^(?:specifically|in particular|concretely|more precisely|for example)\b",
    "finally": (
        r"^(?:finally|moreover|furthermore|additionally|in addition|also|second|third|lastly)\b"
    ),
    "first": r"\bfirst\b",
    "it": r"^(?:it|this|these|they|such|those|here)\b",
    "code": (
        r"\b(?:code|dataset|implementation|data)s? (?:is|are|will be|can be)\b"
        r".*\b(?:available|released?)\b"
    ),
    "link": r"https?://|www\.|github",
    "digits": r"\d",
    "percent": r"\d\s?%|\bpercent\b",
    "acronym": r"\b[A-Z]{2,}\b",
    "defines acronym": r"\([A-Z][A-Za-z-]*[A-Z]s?\)",
    "parenthesis": r"\(",
    "colon": r":",
    "semicolon": r";",
    "question": r"\?",
    "quote": r"[\"“”]",
    "can": r"\bcan\b",
    "not": r"\b(?:not|no|without)\b",
    "must": r"\b(?:require|need|must|should|important|crucial|key|critical|fundamental)\w*\b",
    "enables": r"\b(?:enabl|allow|achiev|reduc|effective|efficient)\w*\b",
    "suggest": r"\b(?:suggest|impl(?:y|ies)|reveal|indicat|conclude|insight)\w*\b",
}
CUES = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in _CUES.items()}
for _cased in ("acronym", "defines acronym"):
    CUES[_cased] = re.compile(_CUES[_cased])

_MAIN = (CUES["we propose"], CUES["this paper"])
_WORD = re.compile(r"[a-z]+(?:['’-][a-z]+)*|\d[\d.,]*|[?:;]")
_DIGITS = re.compile(r"\d[\d.,]*")

_PLAIN = frozenset(
    stem
    for line in (
        "a an and are as at be been by can do for from has have how in into is it its more most of",
        "on or our such than that the their then there these they this to was we were what when",
        "which while will with not but also both each other some all any use using used show",
        "paper propose method approach",
    )
    for stem in line.split()
)


@lru_cache(1)
def _analyzer() -> TextAnalyzer:
    return (
        TextAnalyzerBuilder(Tokenizer.simple())
        .filter(Filter.lowercase())
        .filter(Filter.ascii_fold())
        .filter(Filter.stemmer("english"))
        .build()
    )


def stems(text: str) -> list[str]:
    """Return the words of a text without their endings."""
    return list(_analyzer().analyze(text.encode("utf-8", "replace").decode()))[:WORDS_READ]


def content(words: Sequence[str]) -> list[str]:
    """Return those words that say what a text is about."""
    return [word for word in words if word not in _PLAIN and (len(word) > 1 or word.isdigit())]


def features(title: str, sentences: Sequence[str]) -> list[Features]:
    """Return the features of each sentence; those that are zero are left out."""
    shown = sentences[:MOST]
    cut = [stems(sentence) for sentence in shown]
    titled = stems(title)
    described = [_alone(sentence, words) for sentence, words in zip(shown, cut, strict=True)]
    for name, values in (
        *_places(shown),
        *_title(title, titled, cut),
        *_likeness(titled, cut),
        *_lengths(cut),
        *_order(shown),
    ):
        for each, value in zip(described, values, strict=True):
            if value:
                each[name] = value
    return described


def ngrams(sentence: str) -> set[str]:
    """Return the n-grams of one to three words, ``^`` at the start, numbers as ``0``."""
    words = ["^", *_DIGITS.sub("0", " ".join(_WORD.findall(sentence.lower()))).split()][:WORDS_READ]
    return {
        " ".join(words[start : start + length])
        for length in (1, 2, 3)
        for start in range(len(words) - length + 1)
    } - {"^"}


def _alone(sentence: str, words: Sequence[str]) -> Features:
    found = {f"cue {name}": 1.0 for name, cue in CUES.items() if cue.search(sentence)}
    told = content(words)
    found["told"] = len(told) / max(len(words), 1)
    return found


def _places(sentences: Sequence[str]) -> list[tuple[str, list[float]]]:
    number = len(sentences)
    named: list[tuple[str, list[float]]] = [
        ("place", [at / max(number - 1, 1) for at in range(number)]),
        ("place squared", [(at / max(number - 1, 1)) ** 2 for at in range(number)]),
        ("near start", [1 / (at + 1) for at in range(number)]),
        ("near end", [1 / (number - at) for at in range(number)]),
    ]
    starts = (
        (f"from start {at}", [float(each == at) for each in range(number)]) for at in range(4)
    )
    ends = (
        (f"from end {at}", [float(each == number - 1 - at) for each in range(number)])
        for at in range(3)
    )
    return [*named, *starts, *ends]


def _lengths(cut: Sequence[Sequence[str]]) -> list[tuple[str, list[float]]]:
    lengths = [len(words) for words in cut]
    mean = sum(lengths) / max(len(lengths), 1) or 1.0
    return [
        ("length", [min(each, 60) / 30 for each in lengths]),
        ("log length", [math.log1p(each) for each in lengths]),
        ("too short", [float(each < 9) for each in lengths]),
        ("short", [float(9 <= each < 14) for each in lengths]),
        ("long", [float(30 < each <= 40) for each in lengths]),
        ("too long", [float(each > 40) for each in lengths]),
        ("against mean", [min(each / mean, 3) for each in lengths]),
    ]


def _title(
    title: str, titled: Sequence[str], cut: Sequence[Sequence[str]]
) -> list[tuple[str, list[float]]]:
    wanted, pairs = set(content(titled)), _pairs(titled)
    name = set(stems(title.partition(":")[0])) if ":" in title else set()
    shared = [len(wanted & set(words)) for words in cut]
    most = max(shared, default=0)
    return [
        ("title told", [each / max(len(wanted), 1) for each in shared]),
        ("title root", [math.sqrt(each) for each in shared]),
        (
            "of title",
            [
                each / max(len(set(content(words))), 1)
                for each, words in zip(shared, cut, strict=True)
            ],
        ),
        ("title pairs", [len(pairs & _pairs(words)) / max(len(pairs), 1) for words in cut]),
        ("most of title", [float(each == most > 0) for each in shared]),
        ("title's name", [float(bool(name) and name <= set(words)) for words in cut]),
    ]


def _pairs(words: Sequence[str]) -> set[tuple[str, str]]:
    return set(pairwise(words))


def _order(sentences: Sequence[str]) -> list[tuple[str, list[float]]]:
    """Return where each sentence stands to the first that says what the paper does."""
    number = len(sentences)
    main = next(
        (at for at, each in enumerate(sentences) if any(cue.search(each) for cue in _MAIN)), None
    )
    if main is None:
        return [("no main", [1 / (at + 1) for at in range(number)])]
    offsets = [at - main for at in range(number)]
    return [
        ("main", [float(each == 0) for each in offsets]),
        ("after main", [float(each == 1) for each in offsets]),
        ("later", [float(each > 1) for each in offsets]),
        ("before main", [float(each == -1) for each in offsets]),
        ("earlier", [float(each < -1) for each in offsets]),
        ("main early", [float(each == 0) / (at + 1) for at, each in enumerate(offsets)]),
    ]


def _likeness(titled: Sequence[str], cut: Sequence[Sequence[str]]) -> list[tuple[str, list[float]]]:
    vectors = [_vector(words) for words in cut]
    number = len(vectors)
    like = [[0.0] * number for _ in range(number)]
    for row in range(number):
        for column in range(row):
            like[row][column] = like[column][row] = _cosine(vectors[row], vectors[column])
    whole = _unit(Counter(word for words in cut for word in content(words)))
    to_title = [_cosine(vector, _vector(titled)) for vector in vectors]
    walked = _walk(like, [1.0] * number, 0.15)
    biased = _walk(like, to_title, BIAS)
    best = max(biased, default=0.0)
    return [
        ("like whole", [_cosine(vector, whole) for vector in vectors]),
        ("like title", to_title),
        ("like nearest", [max(row, default=0.0) for row in like]),
        ("like next", [like[at][at + 1] if at + 1 < number else 0.0 for at in range(number)]),
        ("like before", [like[at][at - 1] if at else 0.0 for at in range(number)]),
        ("central", [each * number for each in walked]),
        ("central to title", [each * number for each in biased]),
        ("most central", [float(each == best > 0) for each in biased]),
    ]


def _walk(like: Sequence[Sequence[float]], start: Sequence[float], jump: float) -> list[float]:
    """Return how often a walk over like sentences comes by each; some jumps go to ``start``."""
    number, total = len(start), sum(start)
    leap = [each / total if total else 1 / number for each in start]
    sums = [sum(row) for row in like]
    at = leap
    for _ in range(ROUNDS):
        came = [0.0] * number
        for row, share in enumerate(at):
            if sums[row]:
                part = share / sums[row]
                for column, likeness in enumerate(like[row]):
                    came[column] += part * likeness
            else:
                for column, each in enumerate(leap):
                    came[column] += share * each
        at = [jump * leap[each] + (1 - jump) * came[each] for each in range(number)]
    return at


def _vector(words: Sequence[str]) -> Mapping[str, float]:
    return _unit(Counter(content(words)))


def _unit(counts: Mapping[str, int]) -> Mapping[str, float]:
    weights = {word: 1 + math.log(count) for word, count in counts.items()}
    norm = math.sqrt(sum(weight * weight for weight in weights.values()))
    return {word: weight / norm for word, weight in weights.items()}


def _cosine(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    if len(other) < len(one):
        one, other = other, one
    return sum(weight * other[word] for word, weight in one.items() if word in other)
