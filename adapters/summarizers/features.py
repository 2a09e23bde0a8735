"""What can be told of each sentence of an abstract without knowing what it means. Pure.

No table of word frequencies is shipped: a word weighs by how few sentences of its own abstract hold
it, and the most frequent words of English weigh nothing.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from tantivy import Filter, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

Bag = Mapping[str, float]

STEPS = 8
"""Rounds of the power iteration; after so many, scores of an abstract hardly move."""

DAMPING = 0.85
"""Share that LexRank passes on (Erkan and Radev, 2004)."""

STARTS = "^"
"""Stands before the first word in an n-gram."""

WORDS = 120
"""Words of a sentence that are looked at; what is longer is no sentence."""

READ = 1_000
"""Characters of a sentence in which cues are looked for."""

COMMON = frozenset(
    re.findall(
        r"\w+",
        """
        a about above after all also an and any are as at be because been being between both but
        by can could did do does due during each either et even for from further given has have
        having hence how however i if in into is it its itself may more most much must no nor
        not of often on one only or other our over own same several should since so some such
        than that the their them then there these they this those through thus to too two under
        up upon us use used using very via was we well were what when where whether which while
        who whose why will with within without would yet you your al e g s t
        """,
    )
)
"""Words that tell nothing of what a paper is about."""

_FOLDED = {
    "here": r"\bin this (?:paper|work|study|article|report)\b|^here\b",
    "this paper": r"\b(?:this|our) (?:paper|work|study|article)\b",
    "offers": r"\bwe (?:\w+ly )?(?:also |then |further |first |thus |therefore |"
    r"here )?(?:propose|introduce|present|develop|describe|devise|design|formulate|suggest|"
    r"offer)\b",
    "offers more": r"\bwe (?:also|further|then|additionally)\b",
    "shows": r"\bwe (?:\w+ly |also |then |further )?(?:show|demonstrate|find|prove|observe)\b",
    "studies": r"\bwe (?:\w+ly |also |then |first )?(?:study|investigate|explore|examine|"
    r"analy[sz]e|consider|address|tackle|ask|focus|extend|generalize|provide|establish|derive|"
    r"apply|use)\b",
    "tests": r"\bwe (?:\w+ly |also |then |further )?(?:evaluate|test|validate|verify|illustrate|"
    r"apply|compare|benchmark|report|conduct|perform|achieve|obtain)\b",
    "starts with we": r"^we\b",
    "our": r"\bour\b",
    "our method": r"\b(?:our|the proposed|this|the) (?:\w+ )?(?:method|approach|model|framework|"
    r"algorithm|technique|system|architecture|procedure)s?\b",
    "new": r"\b(?:novel|new|first)\b",
    "simple": r"\b(?:simple|efficient|effective|general|unified|end-to-end|principled)\b",
    "thing": r"\ba (?:\w+[ -]){1,4}?(?:method|approach|model|framework|algorithm|technique|"
    r"system|architecture|network|dataset|benchmark|loss|objective|strategy)\b",
    "results": r"\b(?:experiment\w*|results?|evaluations?|empirical\w*)\b",
    "beats": r"\b(?:outperform\w*|state[- ]of[- ]the[- ]art|sota|superior|improve\w*|better)\b",
    "sets": r"\b(?:datasets?|benchmarks?|tasks?|imagenet|cifar\S*|mnist|atari|glue)\b",
    "contrast": r"^(?:however|but|yet|unfortunately|although|though|despite|while|nevertheless)\b",
    "lacks": r"\b(?:challeng\w*|difficult\w*|problem(?:s|atic)?|limit\w*|suffer\w*|expensive|"
    r"lack\w*|remain\w*|costly|fail\w*|hard)\b",
    "known": r"\b(?:recent\w*|existing|previous\w*|prior|many|most|have been|has been|"
    r"traditional\w*|common\w*|typical\w*|often|usually|widely)\b",
    "adds": r"^(?:furthermore|moreover|additionally|in addition|besides|also|finally|further)\b",
    "details": r"^(?:specifically|in particular|more specifically|concretely|for example|"
    r"for instance|formally|first|second|then|next)\b",
    "so": r"^(?:thus|therefore|hence|consequently|as a result|overall|in summary|together)\b",
    "to": r"^to\b",
    "by": r"^(?:by|using|with|based|inspired|motivated|given|instead|unlike)\b",
    "points back": r"^(?:this|these|that|those|it|they|such|its|their)\b",
    "called": r"\b(?:called|named|termed|dubbed|namely|coined|refer(?:red)? to as|"
    r"which we call)\b",
    "by doing": r"\b(?:by|through|via) \w+ing\b",
    "that does": r"\b(?:that|which) (?:can |is |are )?\w+s?\b",
    "to do": r"\bfor \w+ing\b|\bto \w+\b",
    "link": r"https?://|www\.|github|\b(?:code|videos?|project page)\b.{0,60}\b(?:available|"
    r"found|released|at)\b|\bopen-?sourced?\b",
    "lists": r"\((?:i|1|a)\)|\b(?:first|1\)).*\b(?:second|2\))",
}
"""What a sentence in small letters may hold; to ignore case takes twice as long."""

_CASED = {
    "number": r"\d",
    "short name": r"\b[A-Z][A-Za-z]*[A-Z][A-Za-z]*\b",
    "defines": r"\([A-Z][\w-]*[A-Z][\w-]*\)",
    "aside": r"\([^()]{12,}\)",
    "formula": r"[$\\=<>^]",
    "asks": r"\?\s*$",
    "quotes": r"[\"“”]",
    "unfinished": r"[^.!?)\"”’']\s*$",
    "cites": r"\bet al\b|\(\w[^()]*\d{4}\)",
}
CUES = frozenset({*_FOLDED, *_CASED})
"""Names of what a sentence may hold."""

_FOLDED_CUES = [(name, re.compile(cue).search) for name, cue in _FOLDED.items()]
_CASED_CUES = [(name, re.compile(cue).search) for name, cue in _CASED.items()]
_WORD = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")
_DIGIT = re.compile(r"\d+")
_COLON = re.compile(r"\s*([^:]{2,40}?)\s*:\s")


def _analyzer() -> TextAnalyzer:
    builder = TextAnalyzerBuilder(Tokenizer.simple()).filter(Filter.remove_long(40))
    folded = builder.filter(Filter.lowercase()).filter(Filter.ascii_fold())
    return folded.filter(Filter.stemmer("english")).build()


_ANALYZER = _analyzer()
_STEMMED_COMMON = frozenset(_ANALYZER.analyze(" ".join(sorted(COMMON))))


def features(title: str, sentences: Sequence[str]) -> list[dict[str, float]]:
    """Return the features of each sentence, by name; what is missing is 0."""
    found = [_of_place(place, len(sentences)) for place in range(len(sentences))]
    cues = [_cues(each[:READ]) for each in sentences]
    for each, names in zip(found, cues, strict=True):
        each.update(dict.fromkeys(names, 1.0))
    _add_lengths(found, sentences)
    _add_turns(found, cues)
    _add_words(found, title, sentences)
    return found


def grams(sentence: str) -> set[str]:
    """Return the runs of one to three words, digits as 0, the first word marked."""
    words = _WORD.findall(sentence.lower())[:WORDS]
    line = [STARTS, *(_DIGIT.sub("0", word) for word in words)]
    runs = {*line[1:]}
    runs.update(map(" ".join, pairwise(line)))
    runs.update(map(" ".join, zip(line, line[1:], line[2:], strict=False)))
    return runs


def stems(text: str) -> list[str]:
    """Return the stems of a text; half a character, which JSON can bring, is none."""
    return list(_ANALYZER.analyze(text.encode("utf-8", "replace").decode()))[:WORDS]


def _cues(sentence: str) -> set[str]:
    folded = sentence.lower()
    found = {name for name, search in _FOLDED_CUES if search(folded)}
    return found | {name for name, search in _CASED_CUES if search(sentence)}


def _of_place(place: int, number: int) -> dict[str, float]:
    left = number - 1 - place
    found = {"from start": 1 / (place + 1), "from end": 1 / (left + 1)}
    found["share before"] = place / max(1, number - 1)
    found["share before squared"] = found["share before"] ** 2
    found["places"] = min(place, 10.0)
    found["few before many"] = found["share before"] * min(number, 12)
    for count in range(3):
        found[f"{count} before"] = float(place == count)
        found[f"{count} after"] = float(left == count)
    found["first of few"] = float(place == 0 and number <= 4)
    return found


def _add_lengths(found: list[dict[str, float]], sentences: Sequence[str]) -> None:
    lengths = [max(1, len(each.split())) for each in sentences]
    mean = sum(lengths) / max(1, len(lengths))
    for each, length in zip(found, lengths, strict=True):
        each["log length"] = math.log(min(length, 100))
        each["length"] = min(length, 60) / 10
        each["log share of mean"] = math.log(length / mean)
        for limit in (8, 12, 16):
            each[f"below {limit} words"] = float(length < limit)
        for limit in (22, 28, 35, 45):
            each[f"above {limit} words"] = float(length > limit)


def _add_turns(found: list[dict[str, float]], cues: Sequence[set[str]]) -> None:
    """Add where each sentence stands to the one that first says what the paper is about."""
    for kind, names in {"offer": {"offers"}, "paper": {"here", "this paper"}}.items():
        turns = [place for place, each in enumerate(cues) if each & names]
        for place, each in enumerate(found):
            if not turns:
                each[f"no {kind}"] = each["share before"]
                continue
            each[f"first {kind}"] = float(place == turns[0])
            each[f"after {kind}"] = float(place > turns[0])
            each[f"right after {kind}"] = float(place == turns[0] + 1)
            each[f"only {kind}"] = float(turns == [place])
    both = [place for place, each in enumerate(cues) if each & {"offers", "here", "this paper"}]
    for place in both[:1]:
        found[place]["turn"] = 1.0


def _add_words(found: list[dict[str, float]], title: str, sentences: Sequence[str]) -> None:
    counts = [Counter(_telling(stems(each))) for each in sentences]
    holders = Counter(stem for each in counts for stem in each)
    rarity = {stem: math.log(1 + len(counts) / held) for stem, held in holders.items()}
    bags = [_unit({stem: rarity[stem] * n for stem, n in each.items()}) for each in counts]
    wanted = Counter(_telling(stems(title)))
    heading = _unit({stem: rarity.get(stem, 0.0) for stem in wanted})
    _add_overlap(found, wanted, counts)
    _add_title_runs(found, title, sentences)
    likeness = [[_dot(one, other) for other in bags] for one in bags]
    to_title = [_dot(each, heading) for each in bags]
    whole = _unit(_sum(bags))
    to_whole = [_dot(each, whole) for each in bags]
    ranks = {
        "like title": to_title,
        "like abstract": to_whole,
        "central": _ranks(likeness, [1.0] * len(bags)),
        "central to title": _ranks(likeness, [0.05 + each for each in to_title]),
    }
    for name, values in ranks.items():
        top, mean = max(values, default=0.0), sum(values) / max(1, len(values))
        for each, value in zip(found, values, strict=True):
            each[name] = value
            each[f"{name}, of most"] = value / top if top else 0.0
            each[f"most {name}"] = float(value == top and top > 0)
            each[f"{name}, above mean"] = value - mean
    for place, (each, row) in enumerate(zip(found, likeness, strict=True)):
        others = row[:place] + row[place + 1 :]
        each["like nearest"] = max(others, default=0.0)
        each["like one before"] = row[place - 1] if place else 0.0
        each["like one after"] = row[place + 1] if place + 1 < len(row) else 0.0


def _add_overlap(
    found: list[dict[str, float]], wanted: Mapping[str, int], counts: Sequence[Mapping[str, int]]
) -> None:
    covered = [len(wanted.keys() & each.keys()) for each in counts]
    seen: set[str] = set()
    for each, count, shared in zip(found, counts, covered, strict=True):
        each["of title"] = shared / max(1, len(wanted))
        each["from title"] = shared / max(1, len(count))
        each["title words"] = math.log(1 + shared)
        each["most of title"] = float(shared > 0 and shared == max(covered))
        each["first of title"] = len(wanted.keys() & count.keys() - seen) / max(1, len(wanted))
        each["new words"] = len(count.keys() - seen) / max(1, len(count))
        each["telling words"] = math.log(1 + len(count))
        seen |= count.keys()


def _add_title_runs(found: list[dict[str, float]], title: str, sentences: Sequence[str]) -> None:
    """Add what pairs of the title's words, and the name before its colon, a sentence holds."""
    line = stems(title)
    pairs = set(pairwise(line))
    name = _COLON.match(title)
    is_new = True
    for each, sentence in zip(found, sentences, strict=True):
        words = stems(sentence)
        shared = pairs & set(pairwise(words))
        each["pairs of title"] = len(shared) / max(1, len(pairs))
        if name and name[1].lower() in sentence.lower():
            each["title's name"] = 1.0
            each["title's name, first"] = float(is_new)
            is_new = False


def _telling(words: Sequence[str]) -> Iterator[str]:
    return (word for word in words if word not in _STEMMED_COMMON)


def _ranks(likeness: Sequence[Sequence[float]], bias: Sequence[float]) -> list[float]:
    """Return how central each sentence is, 1 on average: LexRank, biased (Otterbacher, 2005)."""
    number, total = len(bias), sum(bias)
    start = [number * each / total for each in bias]
    degrees = [sum(row) or 1.0 for row in likeness]
    ranks = start
    for _ in range(STEPS):
        passed = [rank / degree for rank, degree in zip(ranks, degrees, strict=True)]
        ranks = [
            (1 - DAMPING) * own
            + DAMPING * sum(like * each for like, each in zip(row, passed, strict=True))
            for own, row in zip(start, likeness, strict=True)
        ]
    return ranks


def _unit(bag: Mapping[str, float]) -> Bag:
    norm = math.sqrt(sum(weight * weight for weight in bag.values()))
    return {stem: weight / norm for stem, weight in bag.items()} if norm else {}


def _dot(one: Bag, other: Bag) -> float:
    short, long = (one, other) if len(one) < len(other) else (other, one)
    return sum(weight * long[stem] for stem, weight in short.items() if stem in long)


def _sum(bags: Sequence[Bag]) -> Bag:
    total: dict[str, float] = {}
    for bag in bags:
        for stem, weight in bag.items():
            total[stem] = total.get(stem, 0.0) + weight
    return total
