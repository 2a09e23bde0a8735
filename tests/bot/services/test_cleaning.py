from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapters.papers.folder import Folder
from bot.sentences import sentences
from bot.services.cleaning import clean_text, cleaned, cleaned_batch
from bot.text import one_line
from tests.examples import batch, paper

WORDS = ("deep", "Learning", "o1", "Zürich", "agents", "3.5B", "98%", "naïve", "self-play")
DRESSES = (
    "{}", "{{{}}}", r"\textbf{{{}}}", r"\emph{{\textsc{{{}}}}}", r"{{\em {}}}", "{{bf {}}}",
    "texttt{{{}}}", "teal{{{}}}", "**{}**", "``{}''", r"\xspace {}", r"\b{{{}}}",
)  # fmt: skip

dressed = st.lists(st.tuples(st.sampled_from(DRESSES), st.sampled_from(WORDS)), max_size=12)
hostile = st.text(
    st.one_of(st.characters(), st.sampled_from("\\{}$^_~`'*\"()[]|=.,:;/ \n%x0a123")), max_size=60
) | st.lists(
    st.one_of(
        st.sampled_from("\\{}$^_~`'*\"( 1aZ"),
        st.sampled_from(
            [
                "\\textbf",
                "\\emph{",
                "\\frac",
                "\\ours",
                "\\href{",
                "\\footnote{",
                "\\textgreater",
                "\\etc",
            ]
        ),
        st.sampled_from(
            [
                "times",
                "approx",
                "langle",
                "circ",
                "boldsymbol",
                "sqrt{",
                "https://a.io/x",
                "^{",
                "_{",
                "\u200b",
            ]
        ),
    ),
    max_size=30,
).map("".join)


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ("min_{x} | langle exp(Ax), {bf 1}_n rangle^{-1}", "minₓ | ⟨ exp(Ax), 1ₙ ⟩⁻¹"),
        ("768 times 512", "768 × 512"),
        ("a 2.41times gain on 8timesRTX and 8{times} more", "a 2.41× gain on 8×RTX and 8× more"),
        ("40 times faster", "40 times faster"),
        ("(approx 10)", "(≈10)"),
        ("a ratio of approx 10, approx. 10", "a ratio of ≈ 10, approx. 10"),
        ("a norm of ell_1, ell_2", "a norm of ℓ₁, ℓ₂"),
        ("at a rate of mathcal{O}(T^{-1/4})", "at a rate of O(T^(-1/4))"),
        ("sim51K, {sim}2%, sim2real, (sim to real)", "~51K, ~2%, sim2real, (sim to real)"),
        ("Ineq-Comp, 3 pm (EST), an approx of it", "Ineq-Comp, 3 pm (EST), an approx of it"),
        ("V_{0.5}, v_{reason}, r^{new word}, a_b_1", "V_0.5, v_reason, r^(new word), a_b_1"),
        ("at https://x.io/a_b{https://x.io/a_b}.", "at https://x.io/a_b."),
        ("at https://x.io{this https URL}.", "at https://x.io."),
        ("at https://github.com/a/b{GitHub}", "at https://github.com/a/b"),
        ("We https://x.io/a{open our code} now", "We open our code (https://x.io/a) now"),
        (r"the \href{https://x.io/a}{Zoo of models}", "the Zoo of models (https://x.io/a)"),
        (r"code~\url{https://x.io/~me/a}.", "code https://x.io/~me/a."),
        (r"propose \ours, \name\ and \method{} too", "propose ours, name and method too"),
        (r"\textgreater 1B", ">1B"),
        (r"{\textgreater} 1B and \textless 2", "> 1B and <2"),
        ("Llama~2", "Llama 2"),
        ("~99.04%, ~ 0.25B, 75%~89%, 1M~4M, 10x~50x", "~99.04%, ~ 0.25B, 75%~89%, 1M~4M, 10x~50x"),
        ("an Extractor~(TE) in Fig.~3", "an Extractor (TE) in Fig. 3"),
        ("``x''", '"x"'),
        ("``x\" and ''y'' and `z'", "\"x\" and \"y\" and 'z'"),
        ("`code`, f''(x) and ```lua", "`code`, f''(x) and ```lua"),
        ("our **bold**, **C**apital", "our bold, Capital"),
        ("2**3 and 4**5", "2**3 and 4**5"),
        (r"na\"{\i}ve, Bolet\'{\i}n, Gr\"onwall, It\^o", "naïve, Boletín, Grönwall, Itô"),
        (r"the query\'s \"own\" words", "the query's \"own\" words"),
        (r"5.8\% of \$3 \& a\_b: \~8B", "5.8% of $3 & a_b: ~8B"),
        (r"to \( O(n^2) \) from $x_{1}$", "to O(n²) from x₁"),
        ("costs $5 and $6, or 4$", "costs $5 and $6, or 4$"),
        (r"2.3\times greater, A=C\neq B, 360{\deg}, 360^{circ}", "2.3× greater, A=C≠B, 360°, 360°"),
        ("z_{t}rightarrow z_{0}, pi_{0.5}, G_{stack}", "zₜ→z₀, pi_0.5, G_stack"),
        (r"\frac{a}{b+1} of \sqrt{x}", "a/(b+1) of √(x)"),
        (r"(\eg, this, \etc.", "(e.g., this, etc."),
        (r"\textbf{a, \emph{b} c} \textit{d {e}", "a, b c d e"),
        (r"here\footnote{Or there.}", "here (Or there.)"),
        (r"{\color{red}{hot}} \color{blue}cold", "hot cold"),
        ('{+1,-1}, {"a": 1}, 6{,}690', '{+1,-1}, {"a": 1}, 6,690'),
        (r"C:\Users and \d+", r"C:\Users and \d+"),
        ("folded\n  lines\u200b of \x07text", "folded lines of text"),
        ("{}", "{}"),
    ],
)  # fmt: skip
def test_a_text_is_told_as_people_read_it(raw: str, told: str) -> None:
    assert clean_text(raw) == told


@given(hostile)
@settings(max_examples=400)
@example("\\$a\\$")
@example("{" * 40 + "x" + "}" * 40)
def test_a_clean_text_stays_as_it_is(text: str) -> None:
    told = clean_text(text)
    assert clean_text(told) == told == one_line(told)
    assert bool(told) == bool(one_line(text))


@given(dressed)
def test_no_word_is_lost_with_its_markup(pieces: list[tuple[str, str]]) -> None:
    told = clean_text(" ".join(dress.format(word) for dress, word in pieces))
    assert re.findall(r"[^\s\"{}]+", told) == [word for _, word in pieces]


@given(st.text(st.characters(exclude_characters="\\{}$^_~`'*", exclude_categories=["Cs"])))
@example("100% of 40 times 5%, a % of them (approx. 3)")
def test_plain_text_is_left_alone(text: str) -> None:
    words = re.compile(r"times|approx|sim|ell|pm|circ|infty|angle|[gln]eq|nabla|cdot|arrow|sqrt")
    if not words.search(text):
        assert clean_text(text) == one_line(text)


@pytest.mark.parametrize(
    "part",
    [
        *(
            "{",
            "}",
            "\\",
            "\\\\\\",
            "$",
            "$x",
            "{{{{",
            "\\textbf{",
            "\\emph{x",
            "``",
            "`a",
            "https://",
        ),
        *(
            "https://x{",
            "^{",
            "x_{",
            "**",
            "**a ",
            "~",
            "a~",
            "\\frac",
            "\\frac{x}",
            "sqrt{",
            "times ",
        ),
        *("8 times ", "$a\\", "`x'", "{\\em ", "\\'", "approx 1", "\\href{https://", "$("),
    ],
)
def test_no_text_takes_more_than_a_time_in_proportion(part: str) -> None:
    assert clean_text(part * (100_000 // len(part)))  # would not end within the hour, else


def test_a_paper_keeps_what_its_source_wrote_where_that_differs() -> None:
    raw = paper(1, title=r"\ours: a title", abstract="As it is.")
    told = cleaned(raw)
    assert (told.title, told.raw_title) == ("ours: a title", r"\ours: a title")
    assert (told.abstract, told.raw_abstract) == ("As it is.", None)
    assert cleaned(told) == told


def test_what_was_written_at_first_outlasts_a_second_cleaning() -> None:
    raw = replace(paper(1), title="a~b", raw_title=r"\emph{a~b}")
    assert cleaned(raw).raw_title == r"\emph{a~b}"


def test_a_paper_without_remnants_is_unchanged() -> None:
    assert cleaned(paper(1)) == paper(1)


def test_a_batch_is_cleaned_paper_by_paper() -> None:
    raw = batch(papers=[paper(1, title="A~b"), paper(2)])
    assert [each.title for each in cleaned_batch(raw).papers] == ["A b", paper(2).title]


CORPUS = Path(__file__).parents[4] / "shared" / "data" / "hf"
"""Two years of Daily Papers; no part of this repository."""

REMNANTS = {"macros": r"\\[a-zA-Z]{2}", "braces": r"[{}]", "dollars": r"\$(?!\d)|(?<!\d)\$\d+ \$"}
LEFT = {"macros": 0, "braces": 50, "dollars": 8}
"""Sets, prices, and braces that nobody closed."""


@pytest.mark.skipif(not CORPUS.exists(), reason="the captured papers are not here")
async def test_two_years_of_papers_are_told_without_remnants() -> None:
    months = Folder(CORPUS).months
    raw = {each.id: each for days in months.values() for day in days.values() for each in day}
    told = [cleaned(each) for each in raw.values()]
    texts = [text for each in told for text in (each.title, each.abstract)]
    left = {name: len(re.findall(rule, "\n".join(texts))) for name, rule in REMNANTS.items()}
    changed = sum(bool(each.raw_title) + bool(each.raw_abstract) for each in told)
    assert all(each.title for each in told)
    assert all(left[name] <= most for name, most in LEFT.items()), left
    assert 1_000 < changed < 1_500
    assert all("".join(sentences(text)) for text in texts if text)
