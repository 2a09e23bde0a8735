"""Write papers in the forms that other programs read. Pure."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence

from bot.domain.papers import Paper
from bot.text import clean, one_line

FIELDS = (
    "id",
    "title",
    "authors",
    "published",
    "upvotes",
    "url",
    "code_url",
    "project_url",
    "organization",
    "keywords",
    "abstract",
    "raw_title",
    "raw_abstract",
)
"""Columns of the CSV and keys of the JSON, in order."""

_BIBTEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\textbraceleft{}",  # BibTeX counts every brace, escaped ones too
        "}": r"\textbraceright{}",
        "$": r"\$",
        "&": r"\&",
        "%": r"\%",
        "#": r"\#",
        "_": r"\_",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
    }
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def _record(paper: Paper) -> dict[str, object]:
    return {
        "id": str(paper.id),
        "title": one_line(paper.title),
        "authors": [one_line(name) for name in paper.authors],
        "published": paper.published.isoformat() if paper.published else None,
        "upvotes": paper.upvotes,
        "url": paper.url,
        "code_url": paper.code_url,
        "project_url": paper.project_url,
        "organization": one_line(paper.organization) if paper.organization else None,
        "keywords": [one_line(word) for word in paper.keywords],
        "abstract": one_line(paper.abstract),
        "raw_title": clean(paper.raw_title) if paper.raw_title else None,
        "raw_abstract": clean(paper.raw_abstract) if paper.raw_abstract else None,
    }


def to_json(papers: Sequence[Paper]) -> str:
    """Return a JSON array, one object a paper; unknown is null."""
    return json.dumps([_record(paper) for paper in papers], ensure_ascii=False, indent=1) + "\n"


def to_csv(papers: Sequence[Paper]) -> str:
    """Return CSV with a header; lists are joined by semicolons, unknown is empty.

    A cell that a spreadsheet would run as a formula is preceded by an apostrophe.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, FIELDS, lineterminator="\n")
    writer.writeheader()
    for paper in papers:
        writer.writerow({name: _cell(value) for name, value in _record(paper).items()})
    return out.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, list):
        value = "; ".join(value)
    if isinstance(value, str) and value.startswith(_FORMULA):
        return "'" + value
    return value


def to_bibtex(papers: Sequence[Paper]) -> str:
    """Return one ``@misc`` entry a paper, as arXiv writes them; keys are unique."""
    taken: dict[str, int] = {}
    entries = []
    for paper in papers:
        name = _cite_key(paper)
        taken[name] = taken.get(name, 0) + 1
        suffix = "" if taken[name] == 1 else f"-{taken[name]}"
        entries.append(_entry(paper, name + suffix))
    return "\n".join(entries)


def _entry(paper: Paper, cite_key: str) -> str:
    fields = {"title": "{" + _escaped(paper.title) + "}"}
    if paper.authors:
        fields["author"] = " and ".join(map(_escaped, paper.authors))
    if paper.published:
        fields["year"] = str(paper.published.year)
    if paper.id.arxiv_url:
        fields |= {"eprint": paper.id.key, "archivePrefix": "arXiv"}
    fields["url"] = paper.url
    lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
    return f"@misc{{{cite_key},\n{lines}\n}}\n"


def _escaped(text: str) -> str:
    return one_line(text).translate(_BIBTEX)


def _cite_key(paper: Paper) -> str:
    author = paper.authors[0].split()[-1] if paper.authors and paper.authors[0].split() else "anon"
    year = str(paper.published.year) if paper.published else ""
    words = re.findall(r"[a-z]{4,}", _ascii(paper.title).lower())
    return (
        (re.sub(r"\W", "", _ascii(author)).lower() or "anon") + year + (words[0] if words else "")
    )


def _ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


FORMATS: Mapping[str, Callable[[Sequence[Paper]], str]] = {
    "json": to_json,
    "csv": to_csv,
    "bibtex": to_bibtex,
}
"""Every format by its name."""
