"""A paper's Markdown as prose by section."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.services.sections import SENTENCES_MOST, flat, sections

PAPER = r"""
# Walking on Sand

Ann Author, Bob Writer

## Abstract

We present a robot. It walks on sand
and on snow.

## 1 Introduction

Sand is hard [1, 2]. See [our page](https://example.org/a_(b)) for more.

- It slips.
- It sinks.

| a | b |
|---|---|
| 1 | 2 |

![Figure](x.png)

```python
print("# not a heading")
```

$$
x = y
$$

**2.1 Method**

We train \emph{nothing} at all.

## References

[1] Somebody. Some paper. 2020.

## Appendix

More of it.
"""


def test_prose_is_read_by_section_up_to_the_references() -> None:
    found = sections(PAPER)
    assert [part.heading for part in found] == [
        "Walking on Sand", "Abstract", "1 Introduction", "2.1 Method",
    ]  # fmt: skip
    assert found[1].sentences == ("We present a robot.", "It walks on sand and on snow.")
    assert found[2].sentences == (
        "Sand is hard [1, 2].", "See our page for more.", "It slips.", "It sinks.",
    )  # fmt: skip
    assert found[3].sentences == ("We train nothing at all.",)


def test_text_without_headings_is_one_section() -> None:
    (part,) = sections("One sentence here. Another one there.")
    assert (part.heading, len(part.sentences)) == ("", 2)
    assert sections("") == sections("\n\n# Only a heading\n") == ()


def test_a_fence_that_is_never_closed_ends_with_the_text() -> None:
    assert flat(sections("Before it.\n\n```\ncode code")) == ("Before it.",)


def test_a_very_long_text_is_cut() -> None:
    text = "\n\n".join(f"## {n}\n\n" + "It is so. " * 40 for n in range(60))
    assert len(flat(sections(text))) == SENTENCES_MOST


@given(st.text(alphabet=st.sampled_from("#*`$|-[]()!. \nabcA1\\"), max_size=200))
def test_any_markdown_is_read(text: str) -> None:
    assert all(sentence.strip() for sentence in flat(sections(text)))
