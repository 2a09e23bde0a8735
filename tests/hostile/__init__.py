"""Hostile titles and abstracts, and every message that is made of them.

What must hold of those messages, each platform's module here says: no live mention, no link to
where we did not lead, nothing that the platform refuses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date

from hypothesis import strategies as st

from bot import cards
from bot.domain.channels import Layout
from bot.domain.deliveries import HEAD
from bot.domain.errors import UserError
from bot.domain.papers import Paper
from bot.domain.reply import Reply
from bot.domain.votes import Tally
from tests.examples import delivery, paper, paper_id

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

fragments = st.one_of(*(st.sampled_from(kind) for kind in CORPUS.values()), st.text(max_size=40))
texts = st.one_of(
    fragments,
    st.lists(fragments, min_size=2, max_size=5).map(" ".join),
    st.lists(fragments, min_size=2, max_size=5).map("".join),
)
titles = texts | fragments.map(lambda words: (words + " ") * (4_000 // (len(words) + 1)))
# sources let no address in that cannot be taken apart
urls = st.sampled_from(
    (
        "https://github.com/a/b",
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
)  # fmt: skip
_papers = st.builds(
    paper,
    st.just(1),
    title=titles,
    abstract=texts | titles,
    authors=st.lists(texts, max_size=6).map(tuple),
    published=st.none() | st.just(date(2026, 5, 5)),
    upvotes=st.none() | st.integers(0, 10**6),
    one_line=st.none() | texts,
    keywords=st.lists(texts, max_size=3).map(tuple),
    organization=st.none() | texts,
    code_url=st.none() | urls,
    code_stars=st.none() | st.integers(0, 10**6),
    project_url=st.none() | urls,
    thumbnail_url=st.none() | urls,
)
digests = st.lists(_papers, min_size=PAPERS, max_size=PAPERS).map(
    lambda papers: tuple(replace(each, id=paper_id(n)) for n, each in enumerate(papers, start=1))
)
"""The papers of one digest."""


def replies(papers: Sequence[Paper]) -> Iterator[tuple[Reply, Sequence[Paper]]]:
    """Yield every kind of message made of papers, each with those whose titles it shows."""
    known = {each.id: each for each in papers}
    tallies = {papers[0].id: Tally(up=3, down=1)}
    numbers = range(1, len(papers) + 1)
    for layout in Layout:
        head = delivery(HEAD, papers=numbers, layout=layout, resurfaced=(papers[-1].id,))
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
