"""Read titles and abstracts as people do: what is left of TeX and Markdown, as plain text. Pure.

Daily Papers come half stripped of TeX, which libraries do not expect: of 345 plain abstracts that
hold a ``%`` pylatexenc loses a tenth of the words in 62 %, unicodeit leaves 91 % of the TeX.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace

from bot.domain.papers import Batch, Paper
from bot.text import one_line

PASSES = 10
"""Each takes off a layer of markup; what has more is no text for people, and stays as it is."""

_NO_WORDS = {  # in no language: taken for TeX even where their backslash is lost
    "infty": "∞", "langle": "⟨", "rangle": "⟩", "leq": "≤", "geq": "≥", "neq": "≠", "nabla": "∇",
    "lceil": "⌈", "rceil": "⌉", "lfloor": "⌊", "rfloor": "⌋", "cdot": "·", "varepsilon": "ε",
    "rightarrow": "→", "leftarrow": "←", "leftrightarrow": "↔", "Rightarrow": "⇒",
}  # fmt: skip
_BARE = _NO_WORDS | {
    "approx": "≈", "sim": "~", "ell": "ℓ", "pm": "±", "circ": "°", "times": "×",
}  # fmt: skip
_SYMBOLS = _BARE | {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "zeta": "ζ", "eta": "η",
    "theta": "θ", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π",
    "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ", "varphi": "φ", "chi": "χ", "psi": "ψ",
    "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π",
    "Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω", "deg": "°", "degree": "°", "le": "≤",
    "ge": "≥", "ne": "≠", "ll": "≪", "gg": "≫", "in": "∈", "to": "→", "sum": "∑", "prod": "∏",
    "partial": "∂", "equiv": "≡", "propto": "∝", "subset": "⊂", "cup": "∪", "cap": "∩",
    "forall": "∀", "exists": "∃", "oplus": "⊕", "otimes": "⊗", "star": "⋆", "ast": "*",
    "dagger": "†", "checkmark": "✓", "ldots": "…", "dots": "…", "cdots": "⋯", "mid": "|",
    "textgreater": ">", "textless": "<", "textasciitilde": "~", "textbackslash": "∖",
    "eg": "e.g.", "ie": "i.e.", "etc": "etc.", "etal": "et al.", "vs": "vs.", "wrt": "w.r.t.",
    "left": "", "right": "", "big": "", "Big": "", "allowbreak": "", "xspace": "", "quad": " ",
    "centering": "", "noindent": "", "small": "", "bf": "", "it": "", "em": "", "rm": "", "tt": "",
}  # fmt: skip
_CLOSE = {"textgreater", "textless", "allowbreak", "left", "right", "bf", "it", "em", "rm", "tt"}
"""Macros after which a space only ends the name."""

_RELATIONS = set("≤≥≠≈→←∈")
"""What stands between its sides with a space on both or on neither."""

_STYLES = (
    r"text(?:bf|it|tt|sc|rm|sf|sl|up|md|normal|superscript|subscript)?|emph|underline|mbox|hbox"
    r"|math(?:bf|bb|cal|rm|it|sf|tt|frak|scr)|boldsymbol|operatorname|bm|url|href|hat|tilde|bar|color"
)
_COLOURS = r"red|blue|green|teal|orange|purple|cyan|magenta|gray|brown|black|violet"
_SUP = dict(zip("0123456789+-=()abcdefghijklmnoprstuvwxyzTNKMLDR",
                "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᵀᴺᴷᴹᴸᴰᴿ", strict=True))  # fmt: skip
_SUB = dict(
    zip("0123456789+-=()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True)
)
_ACCENTS = {"'": "\u0301", '"': "\u0308", "`": "\u0300", "^": "\u0302", "~": "\u0303"}

_WORDS = (
    rf"(?:{'|'.join(_NO_WORDS)}|approx(?=\s?[\d$])|ell(?=[_)^])|pm(?=\d)"
    r"|sim(?=\d[\d.,]*[KMBTx×%]?(?![a-zA-Z])))(?![a-z])"
)
_HINT = re.compile(rf"[\\{{$^_~`*]|''|\d ?times|boldsymbol|{_WORDS}")
"""No markup is without one of these: most texts need no closer look."""

_MARKUP = re.compile(
    rf"""(?P<link>(?P<href>\\href\s?\{{)?(?P<at>https?://(?:[^\s{{}}\\]|\\_){{3,400}}+)
        (?(href)\}}\s?)\{{(?P<label>[^{{}}]*)\}})
    |(?P<address>https?://[^\s{{}}\\]++)
    |(?P<frac>\\[dt]?frac\s?\{{(?P<over>[^{{}}]*)\}}\s?\{{(?P<under>[^{{}}]*)\}})
    |(?P<root>\\?sqrt\{{(?P<of>[^{{}}]*)\}})
    |(?P<note>\\footnote\s?\{{(?P<aside>[^{{}}]*)(?:\}}|\Z))
    |(?P<open>\\(?:{_STYLES})\s?\{{(?=[^{{}}]*+\Z)|\\color\{{(?:{_COLOURS})\}}\s?(?!\{{))
    |(?P<style>(?:\\(?:(?:text)?color\{{\w*\}}|{_STYLES}|[a-zA-Z])\s?
               |(?<!\\)(?<![a-z])(?:text(?:bf|it|tt|sc|rm)|emph|math\w\w{{0,3}}|{_COLOURS}))
        \{{(?P<styled>[^{{}}]*)\}})
    |(?P<bold>(?<![\w*])\*\*(?=[^\s*])(?P<strong>[^*]*[^\s*])\*\*)
    |(?P<script>[\^_]\s?\{{\s?(?P<wide>[^{{}}]*)\}} | \^(?P<short>[+-]?\d+|[a-zA-Z+](?![a-zA-Z]))
        | (?<=\b\w)_(?P<low>[a-z\d])(?!\w|\.\d))
    |(?P<degree>\^\\?circ(?![a-z]))
    |(?P<accent>\\(?P<mark>['"`^~])(?:\{{\\?(?P<inner>[a-zA-Z])\}}
        |(?<=[a-zA-Z-]\\.)(?!(?:s|t|d|m|re|ve|ll)\b)(?P<bare>[aeiouyncszAEIOUYNCSZ])))
    |(?P<escape>\\(?P<kept>[%&_$\#{{}}'"~*|<>-]))
    |(?P<space>\\[\\,;:!/\ ]\s?)
    |(?P<maths>\\[()\[\]]|\$(?=[a-zA-Z\\({{])(?P<formula>[^$\s]*|(?=[^$]*[\\^_{{=])[^$]*)\$)
    |(?P<macro>(?<![A-Z]:)\\(?!(?:{_STYLES})\s?\{{)(?P<name>[a-zA-Z]{{2,}})(?:\{{\}})?(?P<gap>\s?))
    |(?P<bare_style>(?<![a-zA-Z\\])boldsymbol\s?)
    |(?P<group>\{{(?P<grouped>[^{{}}]*)\}})
    |(?P<times>(?<=\d)times(?![a-z])|(?<=\d[ ])times(?=[ ]\d))
    |(?P<word>(?<![a-zA-Z\\])(?P<sign>{_WORDS})(?P<rest>\s?))
    |(?P<quote>(?<!`)``(?!`)|(?<!')''(?!['(]))
    |(?P<single>(?<![\w`])`(?P<quoted>[^`'"]{{1,80}}+)'(?![\w']))
    |(?P<tie>(?<=[\w.,;:!?)\]}}%'"])(?!(?:(?<=[\d%,;])|(?<=\d[a-zA-Z]))~\d)~(?=[^\s~]))""",
    re.VERBOSE,
)  # every part is bounded, or ends where the next of its kind may begin: linear on any text
_LINK_WORDS = {"this", "the", "url", "link", "here", "http", "https", "page", "site", "website"}
_OLD_STYLE = re.compile(r"\\?(?:bf|it|em|rm|sc|tt|sf|sl|bfseries|itshape)\s+")


def clean_text(text: str) -> str:
    """Return a title or an abstract on one line, without markup; no word of it is lost.

    Cleaning a clean text changes nothing.
    """
    line = told = one_line(text)
    if not _HINT.search(line):
        return line
    for _ in range(PASSES):
        before, told = told, one_line(_MARKUP.sub(_plain, told))
        if told == before:
            return told or line
    return line


def cleaned(paper: Paper) -> Paper:
    """Return a paper with clean texts, and those that changed as its source wrote them."""
    title, abstract = clean_text(paper.title), clean_text(paper.abstract)
    return replace(
        paper,
        title=title,
        abstract=abstract,
        raw_title=paper.raw_title or _unless(title, paper.title),
        raw_abstract=paper.raw_abstract or _unless(abstract, paper.abstract),
    )


def cleaned_batch(batch: Batch) -> Batch:
    """Return a batch with its papers cleaned."""
    return replace(batch, papers=tuple(map(cleaned, batch.papers)))


def _unless(clean: str, raw: str) -> str | None:
    return None if raw == clean else raw


def _plain(match: re.Match[str]) -> str:
    return _RULES[match.lastgroup or ""](match)


def _link(match: re.Match[str]) -> str:
    at, label = match["at"], match["label"].strip(" .")
    words = re.findall(r"\w+", label.casefold())
    told = all(word in _LINK_WORDS or word in at.casefold() for word in words)
    return at if told or "://" in label else f"{label} ({at})"


def _script(match: re.Match[str]) -> str:
    mark, text = match[0][0], match["short"] or match["low"] or (match["wide"] or "").strip()
    if text in ("circ", "\\circ"):
        return "°"
    signs = _SUP if mark == "^" else _SUB
    if text and signs.keys() >= set(text) and not re.search("[a-zA-Z]{4}", text):  # no whole word
        return "".join(signs[each] for each in text)
    return mark + (text if re.fullmatch(r"[\w.*+-]*", text) else f"({text})")


def _term(text: str) -> str:
    return text if re.fullmatch(r"\\?\w*", text) else f"({text})"


def _accent(match: re.Match[str]) -> str:
    letter = match["inner"] or match["bare"]
    return unicodedata.normalize("NFC", letter + _ACCENTS[match["mark"]])


def _macro(match: re.Match[str]) -> str:
    name = match["name"]
    sign = _SYMBOLS.get(name, name)
    if sign.endswith(".") and match.string.startswith(".", match.end()):
        sign = sign[:-1]
    glued = name in _CLOSE or (sign in _RELATIONS and _follows(match))
    return sign + ("" if glued else match["gap"])


def _follows(match: re.Match[str]) -> bool:
    """Tell whether something stands right before a match."""
    return match.start() > 0 and not match.string[match.start() - 1].isspace()


def _group(match: re.Match[str]) -> str:
    text = match["grouped"]
    if text.lstrip("\\") in _SYMBOLS and (text[0] == "\\" or text in _BARE):
        return _SYMBOLS[text.lstrip("\\")]
    text = _OLD_STYLE.sub("", text, count=1)
    is_set = re.search(r"[,:;\"|=]", text) and len(text) > 1  # or a dictionary
    return match[0] if is_set and text == match["grouped"] else text


def _word(match: re.Match[str]) -> str:
    sign = _BARE[match["sign"]]
    return sign + ("" if sign in _RELATIONS and _follows(match) else match["rest"])


_RULES: dict[str, Callable[[re.Match[str]], str]] = {
    "link": _link,
    "address": lambda match: match[0],
    "frac": lambda match: f"{_term(match['over'])}/{_term(match['under'])}",
    "root": lambda match: f"√({match['of']})",
    "note": lambda match: f" ({match['aside']})",
    "style": lambda match: match["styled"],
    "open": lambda match: "",
    "bold": lambda match: match["strong"],
    "script": _script,
    "degree": lambda match: "°",
    "accent": _accent,
    "escape": lambda match: match["kept"],
    "space": lambda match: " ",
    "maths": lambda match: match["formula"] or "",
    "macro": _macro,
    "bare_style": lambda match: "",
    "group": _group,
    "times": lambda match: "×",
    "word": _word,
    "quote": lambda match: '"',
    "single": lambda match: f"'{match['quoted']}'",
    "tie": lambda match: " ",
}
