"""Hostile titles and abstracts, and every message that is made of them.

What must hold of those messages, each platform's module here says: no live mention, no link to
where we did not lead, nothing that the platform refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from random import Random
from typing import TypeVar

from hypothesis import strategies as st

from bot import cards
from bot.domain.channels import Layout
from bot.domain.deliveries import HEAD
from bot.domain.errors import UserError
from bot.domain.papers import Paper
from bot.domain.reply import Reply
from bot.domain.votes import Tally
from tests.examples import delivery, paper

T = TypeVar("T")

PAPERS = 4
"""How many papers stand in one digest here."""

CORPUS: Mapping[str, tuple[str, ...]] = {
    "mentions": (
        "<!channel>", "<!here|x>", "<!everyone>", "<@U1>", "<@U1|Ann>", "<#C1>", "<#C1|general>",
        "<!subteam^S1>", "<!date^1392734382^{date}^https://evil.example|x>", "@channel", "@here",
        "@everyone", "<@1>", "<@!1>", "<@&2>", "<#3>", "</papers today:4>", "<t:1700000000:R>",
        "<:parrot:5>", "<a:parrot:5>", "<id:customize>", "&lt;!channel&gt;", "&amp;lt;!here&gt;",
        "<!chan\u200bnel>", "@every\u200bone", "@\u2060here", "\uff20everyone",
    ),
    "links": (
        "https://evil.example/path?a=b&c=d", "http://evil.example", "www.evil.example",
        "evil.example/x", "mailto:a@evil.example", "<https://evil.example>", "javascript:alert(1)",
        "<https://evil.example|Hugging Face>", "<mailto:a@evil.example|x>", "steam://run/1",
        "[x](https://evil.example)", "[x](<https://evil.example>)", "](http://evil.example)",
        "\\[x](http://evil.example)", "![x](https://evil.example/p.png)", "[", "]", "|", "(", ")",
        "[a](https://evil.example \"t\")", "[x]: https://evil.example", "https\\://evil.example",
    ),
    "marks": (
        "*bold*", "_it_", "~no~", "`code`", "```block```", "**b**", "__u__", "~~gone~~",
        "||spoiler||", "*", "_", "~", "`", "```", "\\", "\\*", "# big", "-# small", "## x",
        "> quote", ">>> quote", "&gt; quote", "- item", "1. item", "1) item", "* item", ":tada:",
        ":+1:", "::", "a:b:c", "<b>bold</b>", "<script>alert(1)</script>", "&amp;", "&", "<", ">",
        "\n> quote\n1. list", "a\n\n\n# b", "\n\n", "\r\n# x", "\u2028# x", "a\tb",
    ),
    "invisible": (
        "\u202egnp.exe\u202c", "\u2066x\u2069", "\u200f\u200e", "zero\u200bwidth\ufeff", "\u2060",
        "\x00\x07", "\x1b[31mred", "\x7f\x85\x9f", "\u061c", "\ufff9x\ufffb", "\u200d\u200d",
        "\ufe0f", "e\u0301\u0301\u0301", "\u0301", "Z\u0351\u036b\u0343\u036a" * 20, "\u00a0",
        "\u3164", "\U000e0041\U000e0042",
    ),
    "surrogates": ("\ud800", "\udfff", "a\ud83db", "\ude00\ud83d", "\ud83d" * 300),
    "tex": (
        r"$\alpha_{i}^*$", r"$a<b>c$ & $x_1 * y_2 * z_3$", r"\textbf{x}_{\mathcal{L}}^{*}",
        r"$\mathcal{L}_{\theta}^{*} \approx \|x\|_2$", r"$$E = mc^2$$", r"\(\sum_{k=1}^{N} `x`\)",
        "V_{0.5}", "Q*", "π_RL", "O(n^2 \\log n) ~ 10~ms",
    ),
    "long": (
        "x" * 5_000, "word" * 1_250, "&" * 3_000, "<" * 1_500, "*_`~" * 800, "a " * 2_000,
        "語" * 2_100, "😀" * 2_000, "\\" * 4_000, "@here " * 700, "https://evil.example/" * 200,
    ),
    "scripts": (
        "👍🏽", "👩‍👩‍👧‍👦" * 60, "🏳️‍🌈", "1️⃣", "語" * 150, "한국어 제목", "עברית שלום",
        "مرحبا بالعالم", "ไทย", "हिन्दी", "“𝔘nicode”", "ﬀ ﬁ Ω K Å", "ẞß İı", "a–b — c", "𠜎𠜱𠝹",
    ),
    "empty": ("", " ", "\u200b", "\u202e", "…", "-", ".", "0", "None"),
}  # fmt: skip
"""Text that would mean something to a platform, or break something, by kind."""

SOUND_URL = "https://github.com/a/b"
URLS = (  # sources let no address in that cannot be taken apart
    "https://good.example/p.png",
    "https://good.example/<!channel>.png",
    "https://good.example/a|b>.png",
    "https://good.example/?q=*_`[x](y)&z=1#.png",
    "https://good.example/ü/語.png",
    "https://good.example/\u202epng.exe",
    "https://good.example@evil.example/p.png",
    "https://" + "x" * 4_000 + ".example/p.png",
    "https://good.example/" + "x" * 700,
    "https://",
    "http://a b/p.png",
    "javascript:alert(1)//.png",
    "data:image/png,x",
    "",
)
LONGEST_TITLE = 4_000

_KINDS = sorted(CORPUS)
_PLANES = ((0x00, 0x7F), (0x80, 0x2FF), (0x300, 0x36F), (0x2000, 0x206F), (0x3000, 0xFFFF),
           (0x1F300, 0x1FAFF), (0x10000, 0x10FFFF))  # fmt: skip


def words(random: Random) -> str:
    """Return text of one to five pieces of the corpus or of characters from anywhere."""
    pieces = [_piece(random) for _ in range(random.choice((1, 2, 3, 3, 4, 4, 5, 5)))]
    return random.choice((" ", " ", "", "\n")).join(pieces)


def _piece(random: Random) -> str:
    if random.random() < 0.7:
        return random.choice(CORPUS[random.choice(_KINDS)])
    planes = [random.choice(_PLANES) for _ in range(random.randint(1, 40))]
    return "".join(chr(random.randint(first, last)) for first, last in planes)


def title(random: Random) -> str:
    """Return a title, now and then one of thousands of characters."""
    made = words(random)
    if random.random() < 0.1:
        made = (made + " ") * (LONGEST_TITLE // (len(made) + 1) + 1)
    return made[:LONGEST_TITLE]


def digest(number: int) -> tuple[Paper, ...]:
    """Return the papers of one digest, the same ones for the same number."""
    random = Random(number)

    def perhaps(make: Callable[[Random], T]) -> T | None:
        return make(random) if random.random() < 0.5 else None

    def url(random: Random) -> str:
        return SOUND_URL if random.random() < 0.5 else random.choice(URLS)

    return tuple(
        paper(
            n,
            title=title(random),
            abstract=" ".join(title(random) for _ in range(random.randint(0, 3))),
            authors=tuple(words(random) for _ in range(random.randint(0, 6))),
            published=perhaps(lambda _: date(2026, 5, 5)),
            upvotes=perhaps(lambda random: random.randint(0, 10**6)),
            one_line=perhaps(words),
            keywords=tuple(words(random) for _ in range(random.randint(0, 3))),
            organization=perhaps(words),
            code_url=perhaps(url),
            code_stars=perhaps(lambda random: random.randint(0, 10**6)),
            project_url=perhaps(url),
            thumbnail_url=perhaps(url),
        )
        for n in range(1, PAPERS + 1)
    )


numbers = st.integers(0, 2**64 - 1)
"""What Hypothesis picks for ``digest``: of pieces it would pick the same ones over and over."""


def replies(papers: Sequence[Paper]) -> Iterator[tuple[Reply, Sequence[Paper]]]:
    """Yield every kind of message made of papers, each with those whose titles it shows."""
    known = {each.id: each for each in papers}
    tallies = {papers[0].id: Tally(up=3, down=1)}
    all_of_them = range(1, len(papers) + 1)
    for layout in Layout:
        head = delivery(HEAD, papers=all_of_them, layout=layout, resurfaced=(papers[-1].id,))
        yield cards.digest_message(head, known, tallies), papers
    for n, each in enumerate(papers, start=1):
        yield cards.digest_message(delivery(str(each.id), papers=(n,)), known, tallies), (each,)
    one = papers[0]
    yield cards.abstract_reply(one, Tally()), (one,)
    yield cards.list_reply(one.title, papers[:1], {}, note=one.title), (one,)
    yield cards.error_reply(UserError(one.title[:1_000], hint=one.title[:200])), ()


def addresses(papers: Sequence[Paper]) -> set[str]:
    """Return where messages made of papers may lead."""
    given = {
        address
        for each in papers
        for address in (each.code_url, each.project_url, each.thumbnail_url)
        if address
    }
    return given | {each.url for each in papers} | {each.id.arxiv_url or "" for each in papers}
