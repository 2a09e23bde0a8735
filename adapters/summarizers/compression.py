"""Shorten a sentence by rules that only delete words, or rewrite a few set phrases. Pure.

What a sentence says is its own: no word is put in but "We" and a verb for "This paper" and the same
verb. Numbers and negations stay, except the years of citations.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from bot.text import one_line

FEWEST = 4
"""Words; what would be shorter is no sentence, and stays as it was."""

_TROUBLE = (
    r"issues?|problems?|challenges?|limitations?|questions?|gaps?|shortcomings?|drawbacks?|"
    r"difficult(?:y|ies)|goals?|concerns?|needs?|bottlenecks?|obstacles?|end|weakness(?:es)?"
)
_HERE = r"(?:paper|work|study|article|report|manuscript|thesis|survey)"
_OPENING = re.compile(
    rf"""(?:
      (?:in|with|through)\ (?:this|the\ present|our|the\ current)\ (?:{_HERE}|letter)
        (?:,\s*|\s+(?=(?:we|i|a|an|the|our)\b))
    | here,?\s+(?=we\b)
    | (?:(?:and|but|so|then|thus|hence|therefore),?\s+)(?=we\b)
    | (?:
        to(?:wards?)?\ (?:this|that|these)\ (?:end|aim|goal|purpose)s?
      | for\ this\ (?:purpose|reason|goal) | with\ this\ (?:in\ mind|goal|aim)
      | to\ (?:address|solve|tackle|overcome|resolve|mitigate|alleviate|fill|bridge|remedy|
          handle|combat|answer|meet|achieve|facilitate|deal\ with)
        \ (?:this|these|that|those|such|the\ above|both)(?:\ \w+)?\ ?(?:{_TROUBLE})?
      | to\ (?:address|solve|tackle|overcome|fill|bridge|close|achieve|reach)
        \ the(?:\ (?:above|aforementioned|mentioned))?\ (?:{_TROUBLE})
      | in\ light\ of\ (?:this|these)(?:\ \w+)?
      | (?:motivated|inspired|driven|prompted)\ by\ (?:this|these|that)(?:\ \w+)?
      | (?:more\ )?(?:specifically|concretely|precisely|formally|generally|broadly|importantly)
      | (?:most\ )?(?:notably|importantly|interestingly)
      | moreover | furthermore | additionally | in\ addition | besides | further | also
      | in\ particular | in\ summary | in\ short | in\ brief | overall | in\ conclusion | finally
      | as\ a\ (?:result|consequence|solution|remedy) | consequently | accordingly | therefore
      | thus | hence | in\ this\ (?:context|regard|light|respect|setting|direction|spirit|vein)
      | however | nevertheless | nonetheless | in\ contrast | by\ contrast | conversely | instead
      | on\ the\ other\ hand | to\ the\ best\ of\ our\ knowledge | here | in\ response | crucially
      | first(?:ly)? | second(?:ly)? | third(?:ly)? | last(?:ly)? | next | then | again | indeed
      | remarkably | surprisingly | in\ fact | at\ the\ same\ time | based\ on\ (?:this|these)
        (?:\ \w+)?
      ),\s*
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_FINDING = re.compile(
    r"""(?:(?:our|the|extensive|comprehensive|thorough|numerical|empirical|experimental|initial|
      preliminary|detailed|systematic|quantitative|qualitative|and)\ )*
    (?:experiments?|results?|evaluations?|analys[ie]s|studies|study|findings)[ ]
    (?:(?:clearly|further|also|consistently)\ )?
    (?:shows?|showed|demonstrates?|demonstrated|confirms?|confirmed|reveals?|revealed)\ that\ """,
    re.VERBOSE | re.IGNORECASE,
)
_VERBS = {
    "addresses": "address",
    "analyzes": "analyze",
    "applies": "apply",
    "considers": "consider",
    "demonstrates": "demonstrate",
    "describes": "describe",
    "develops": "develop",
    "discusses": "discuss",
    "establishes": "establish",
    "examines": "examine",
    "explores": "explore",
    "extends": "extend",
    "focuses": "focus",
    "formulates": "formulate",
    "identifies": "identify",
    "introduces": "introduce",
    "investigates": "investigate",
    "offers": "offer",
    "presents": "present",
    "proposes": "propose",
    "proves": "prove",
    "provides": "provide",
    "reports": "report",
    "reviews": "review",
    "shows": "show",
    "studies": "study",
    "surveys": "survey",
    "tackles": "tackle",
}
_THIS_PAPER = re.compile(
    rf"(?:this|the present|our|the current) {_HERE} (?:also |further |thus )?"
    rf"(?P<verb>{'|'.join(_VERBS)})\b",
    re.IGNORECASE,
)
_SECOND_VERB = re.compile(
    r"(?:,|;|\band|\bor|\bbut|\bthen|\balso)\s(?:\w+ly\s|then\s|also\s|further\s|thus\s|thereby\s)*"
    rf"(?:{'|'.join(_VERBS)}|achieves|allows|aims|argues|compares|enables|evaluates|finds|gives|"
    r"improves|is|has|leads|makes|outlines|outperforms|performs|suggests|takes|tests|uses|utilizes|"
    r"validates|verifies|highlights|leverages|designs|derives|builds|creates|constructs|opens)\b"
)
"""What would be left in the third person: "This paper proposes … and shows …"."""

_ADVERB = re.compile(
    r"(?<=\bwe )(?:also|further|then|additionally|furthermore|hereby|therefore|thus|hence|next|"
    r"finally|subsequently|moreover|specifically|first|here) (?=[a-z])",
    re.IGNORECASE,
)
_HERE_WITHIN = re.compile(rf"(?<=, )in this {_HERE},? (?=we\b)", re.IGNORECASE)
_ASIDE = re.compile(r"(?<=[\w,.;:%”\"’'}\]$]) \((?P<inside>[^()$\\]*)\)(?=[\s,.;:?!]|$)")
_ONE_WORD = re.compile(r"\s*\S+\s*")
_CITED = re.compile(r"[A-Z][^\d]*,? (?:19|20)\d\d[a-z]?(?:\s*[;,][^\d]*,? (?:19|20)\d\d[a-z]?)*")
_NEGATION = re.compile(
    r"\b(?:no|not|nor|non|never|none|neither|without|cannot|nothing|\w+n['’]t|un\w+|fail\w*|few|"
    r"little|hardly|lacks?|unless|except)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w+|[^\w\s]")


def compressed(sentence: str) -> str:
    """Return the sentence without what says nothing; itself where too little would be left."""
    whole = one_line(sentence)
    short = _without_asides(whole)
    short = _without_opening(short)
    short = _ADVERB.sub("", _HERE_WITHIN.sub("", short))
    return short if len(short.split()) >= FEWEST else whole


def is_from(short: str, sentence: str) -> bool:
    """Tell whether the rules can make the short text of the sentence.

    They can if its words and marks stand in the sentence in this order, set phrases undone; the
    first one may have become a capital.
    """
    wanted = _words(short)
    return any(_in_order(wanted, _words(form)) for form in (sentence, *_rewritings(sentence)))


def negations(text: str) -> list[str]:
    """Return the words that turn a meaning round, in order."""
    return [each.group().casefold() for each in _NEGATION.finditer(text)]


def _without_opening(sentence: str) -> str:
    """Return the sentence from where it begins to say something, or as it was if nothing is left.

    Openings follow each other: "However, to this end, in this paper, we …".
    """
    rest = sentence
    while found := _OPENING.match(rest) or _FINDING.match(rest):
        if found.end() == len(rest) or negations(found.group()):
            break
        rest = rest[found.end() :]
    rest = _in_our_words(rest)
    return sentence if len(rest.split()) < FEWEST else _begun(rest, rest is not sentence)


def _in_our_words(sentence: str) -> str:
    found = _THIS_PAPER.match(sentence)
    if found is None or _SECOND_VERB.search(sentence, found.end()):
        return sentence
    return f"We {_VERBS[found['verb'].lower()]}{sentence[found.end() :]}"


def _begun(sentence: str, is_new: bool) -> str:
    """Return a sentence with a capital; names such as iRDA or word2vec are left alone."""
    first = sentence.split(maxsplit=1)[0]
    if not is_new or not re.fullmatch(r"[a-z]+(?:[-’'][a-zA-Z]+)*[,:;]?", first):
        return sentence
    return sentence[0].upper() + sentence[1:]


def _without_asides(sentence: str) -> str:
    """Return the sentence without its parentheses, but names, numbers and negations."""
    if not _is_balanced(sentence):
        return sentence
    return _ASIDE.sub(_kept_aside, sentence)


def _kept_aside(aside: re.Match[str]) -> str:
    inside = aside["inside"]
    if _CITED.fullmatch(inside):
        return ""
    is_telling = re.search(r"\d", inside) or negations(inside) or _ONE_WORD.fullmatch(inside)
    return aside.group() if is_telling else ""


def _is_balanced(text: str) -> bool:
    depth = 0
    for each in text:
        depth += (each == "(") - (each == ")")
        if depth < 0:
            return False
    return depth == 0


def _rewritings(sentence: str) -> Iterable[str]:
    """Return the sentence with "We propose" for "This paper proposes", wherever that stands."""
    for found in _THIS_PAPER.finditer(sentence):
        yield f"We {_VERBS[found['verb'].lower()]}{sentence[found.end() :]}"


def _words(text: str) -> list[str]:
    return _WORD.findall(one_line(text))


def _in_order(wanted: list[str], words: list[str]) -> bool:
    """Tell whether all that is wanted stands among the words in its order."""
    rest = iter(words)
    first, *others = wanted or [""]
    begins = not wanted or any(first in (each, each[:1].upper() + each[1:]) for each in rest)
    return begins and all(word in rest for word in others)
