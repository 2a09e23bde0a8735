"""The single look of the product: papers, digests and answers as replies. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from urllib.parse import urlsplit

from bot.domain.channels import Subscription
from bot.domain.deliveries import HEAD, Delivery, Seen
from bot.domain.errors import AmbiguousPaper, BadArgument, PlatformError, UserError
from bot.domain.papers import Paper, PaperId
from bot.domain.reply import (
    Bold,
    Button,
    Card,
    Code,
    Control,
    Controls,
    Heading,
    Image,
    Italic,
    Item,
    Link,
    LinkButton,
    Node,
    Note,
    Paragraph,
    Plain,
    Problem,
    Reply,
    RunAction,
    Span,
    Text,
    VoteAction,
    is_address,
    plain,
    text,
)
from bot.domain.summaries import Point, Summary
from bot.domain.votes import Tally, VoteKind
from bot.sentences import sentences
from bot.text import clip, count, one_line

LINE_CHARS = 200
"""Length of a paper's one line in a list: two lines on a phone."""

AUTHORS_SHOWN = 4
PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp")
NOTHING = Tally()
SUMMARIZE = "Summarize"
NO_ABSTRACT = "No abstract is known yet."

_WORD = re.compile(r"\w+")


def one_sentence(paper: Paper) -> str:
    """Return what a paper is about in one line: Hugging Face's words, else in quotes its own."""
    if own := _own_sentence(paper):
        return f"“{clip(own, LINE_CHARS - 2)}”"
    return clip(one_line(paper.one_line or "") or NO_ABSTRACT, LINE_CHARS)


def _own_sentence(paper: Paper) -> str:
    """Return the abstract's sentence that stands for a paper, if Hugging Face has no line of it."""
    if one_line(paper.one_line or ""):
        return ""
    return one_line(paper.gist or "") or next(iter(sentences(paper.abstract)), "")


def day_name(day: date) -> str:
    """Return a day as people write it: ``Thu 7 May 2026``."""
    return f"{day:%a} {day.day} {day:%b %Y}"


def title_link(paper: Paper) -> Text:
    """Return a paper's title, leading to its page."""
    return (Link(one_line(paper.title), paper.url),)


def byline(paper: Paper) -> Text:
    """Return who wrote a paper, where and when, as far as known."""
    names = ", ".join(map(one_line, paper.authors[:AUTHORS_SHOWN]))
    if more := len(paper.authors) - AUTHORS_SHOWN:
        names += f" and {count(more, 'other')}" if more > 0 else ""
    parts = [names, one_line(paper.organization or "")]
    if paper.published:
        parts.append(day_name(paper.published))
    return text(clip(" · ".join(part for part in parts if part), 300))


def votes_text(paper: Paper, tally: Tally) -> Text:
    """Return both counts in words and numbers; Hugging Face's where it is known."""
    crowd = () if paper.upvotes is None else text(f"▲ {paper.upvotes} on HF · ")
    team = f"team {tally.up}" if not tally.down else f"team {tally.up} (−{tally.down})"
    return (*crowd, Bold(team))


def item(paper: Paper, tally: Tally, rank: int | None = None) -> Item:
    """Return a paper as one entry of a list."""
    vote = Button("👍", VoteAction(VoteKind.UP, paper.id))
    meta = votes_text(paper, tally)
    return Item(title_link(paper), text(one_sentence(paper)), meta, rank, vote)


def plain_item(paper: Paper) -> Item:
    """Return a paper as one entry of a list in which votes do not matter."""
    return Item(title_link(paper), text(one_sentence(paper)))


def links(paper: Paper) -> tuple[LinkButton, ...]:
    """Return the pages about a paper, but for the one its title leads to."""
    found = []
    if paper.id.arxiv_url:
        found.append(LinkButton("arXiv", paper.id.arxiv_url))
    if paper.code_url and is_address(paper.code_url):
        stars = f" ★ {paper.code_stars:,}" if paper.code_stars else ""
        found.append(LinkButton(f"Code{stars}", paper.code_url))
    if paper.project_url and is_address(paper.project_url):
        found.append(LinkButton("Project", paper.project_url))
    return tuple(found)


def vote_buttons(paper: Paper) -> tuple[Button, ...]:
    """Return what a person does most with a paper."""
    return (
        Button("👍 Vote", VoteAction(VoteKind.UP, paper.id), "primary"),
        Button("🔖 Save", VoteAction(VoteKind.SAVE, paper.id)),
        Button(SUMMARIZE, RunAction("summarize", str(paper.id))),
    )


def all_buttons(paper: Paper) -> tuple[Button, ...]:
    """Return all that a person can do with a paper, where there is room for it."""
    return (
        *vote_buttons(paper),
        Button("Related", RunAction("related", str(paper.id))),
        Button("👎 Less like this", VoteAction(VoteKind.DOWN, paper.id)),
    )


def picture(paper: Paper) -> Image | None:
    """Return a paper's picture, if the platforms can show its format."""
    try:
        path = urlsplit(paper.thumbnail_url or "").path
    except ValueError:  # no address at all, as in ``http://[``
        return None
    if not paper.thumbnail_url or not path.endswith(PICTURES):
        return None
    return Image(paper.thumbnail_url, clip(f"First page of {one_line(paper.title)}", 200))


def card(
    paper: Paper,
    tally: Tally,
    *,
    body: str | None = None,
    rank: int | None = None,
    controls: tuple[Control, ...] | None = None,
) -> Card:
    """Return a paper in full; ``body`` defaults to its one line."""
    return Card(
        title=title_link(paper),
        byline=byline(paper),
        body=text(one_sentence(paper) if body is None else body),
        meta=votes_text(paper, tally),
        rank=rank,
        image=picture(paper),
        controls=(*vote_buttons(paper), *links(paper)) if controls is None else controls,
    )


def digest_message(
    delivery: Delivery, papers: Mapping[PaperId, Paper], tallies: Mapping[PaperId, Tally]
) -> Reply:
    """Return the message of one delivery, as it reads with today's counts."""
    ranked = [
        (papers[paper], tallies.get(paper, NOTHING), rank)
        for rank, paper in enumerate(delivery.papers, start=delivery.first_rank)
        if paper in papers
    ]
    if delivery.part != HEAD and not delivery.part.startswith("cards"):
        ((paper, tally, rank),) = ranked
        return paper_message(paper, tally, rank=rank)
    day = delivery.newest.day
    nodes: list[Node] = []
    if delivery.part == HEAD:
        nodes.append(Heading(digest_title(day)))
    if delivery.layout == "cards":
        nodes.extend(card(paper, tally, rank=rank) for paper, tally, rank in ranked)
    else:
        nodes.extend(item(paper, tally, rank) for paper, tally, rank in ranked)
    nodes.extend(_resurfaced(delivery, papers))
    if delivery.part == HEAD:
        quoted = any(_own_sentence(paper) for paper, _, _ in ranked)
        told = " Lines in “quotes” are the abstracts' own." if quoted else ""
        nodes.append(Note(with_code(_how_to_vote(delivery) + told)))
    names = "; ".join(f"{rank}. {one_line(paper.title)}" for paper, _, rank in ranked)
    summary = clip(f"{digest_title(day)}: {names}", 2_000)
    return Reply(tuple(nodes), summary, private=False, topics=topics(each[0] for each in ranked))


def topics(papers: Iterable[Paper]) -> tuple[str, ...]:
    """Return the keywords of papers, those of several of them first."""
    often = Counter(one_line(word) for paper in papers for word in dict.fromkeys(paper.keywords))
    return tuple(word for word, _ in often.most_common() if word)


def digest_title(day: date) -> str:
    """Return the first line of a digest; also the name of its thread."""
    return f"Daily Papers · {day_name(day)}"


def _how_to_vote(delivery: Delivery) -> str:
    if delivery.layout == "cards":
        return "Vote with the buttons. `/papers help` shows what else there is."
    most = min(len(delivery.papers), 10)
    keys = "1️⃣" if most == 1 else f"1️⃣ to {'🔟' if most == 10 else f'{most}️⃣'}"
    where = ", or 👍 a paper in the thread" if delivery.layout == "thread" else ""
    return f"Vote by reacting with {keys}{where}. `/papers help` shows what else there is."


def _resurfaced(delivery: Delivery, papers: Mapping[PaperId, Paper]) -> Iterable[Node]:
    known = [papers[paper] for paper in delivery.resurfaced if paper in papers]
    if known:
        spans: list[Span] = [Italic("Listed again, seen here before: ")]
        for index, paper in enumerate(known):
            spans += [Plain("; ")] if index else []
            spans.append(Link(clip(one_line(paper.title), 100), paper.url))
            if paper.upvotes is not None:
                spans.append(Plain(f" (▲ {paper.upvotes})"))
        yield Note(tuple(spans))


def paper_message(paper: Paper, tally: Tally, *, rank: int | None = None) -> Reply:
    """Return the message that holds one paper."""
    controls: tuple[Control, ...] = (*all_buttons(paper), *links(paper))
    whole = card(paper, tally, rank=rank, controls=controls)
    summary = clip(one_line(paper.title), 300)
    return Reply((whole,), summary, private=False, topics=topics([paper]))


def abstract_reply(paper: Paper, tally: Tally, twins: Sequence[Paper] = ()) -> Reply:
    """Return all that is known of a paper, and which other ones seem to be the same work."""
    nodes: list[Node] = [card(paper, tally, body=one_line(paper.abstract) or NO_ABSTRACT)]
    if paper.keywords:
        nodes.append(Note(text("Keywords: " + clip(", ".join(map(one_line, paper.keywords)), 300))))
    if twins:
        spans: list[Span] = [Italic("Very similar to: ")]
        for index, each in enumerate(twins):
            spans += [Plain("; ")] if index else []
            spans.append(Link(clip(one_line(each.title), 100), each.url))
        nodes.append(Note(tuple(spans)))
    return Reply(tuple(nodes), one_line(paper.title))


def summary_reply(paper: Paper, summary: Summary, tally: Tally, notes: Sequence[str] = ()) -> Reply:
    """Return a paper's summary, each claim with what it rests on, saying whose words they are."""
    buttons = (each for each in all_buttons(paper) if each.label != SUMMARIZE)
    controls: tuple[Control, ...] = (*buttons, *links(paper))
    plainly = all(not point.quote and not point.heading for point in summary.points)
    line = one_line(summary.line.text) if summary.line else one_sentence(paper)
    body = _joined(summary.points) if plainly else line
    nodes: list[Node] = [card(paper, tally, body=body, controls=controls)]
    if not plainly:
        nodes += map(_claim, summary.points)
    for name, point in (("Why it matters", summary.why), ("Limits", summary.limits)):
        if point:
            nodes.append(_claim(replace(point, text=f"{name}: {point.text}")))
    nodes += _small_print("Summary", summary, notes)
    return Reply(tuple(nodes), clip(f"{one_line(paper.title)}: {body}", 2_000))


def answer_reply(paper: Paper, question: str, answer: Summary, notes: Sequence[str] = ()) -> Reply:
    """Return what a paper says to a question, and the sentences that say it."""
    nodes: list[Node] = [Paragraph((Bold(clip(one_line(question), 300)),))]
    if answer.line:
        nodes.append(Paragraph(text(one_line(answer.line.text))))
    nodes += [Item(text(Italic(f"“{one_line(point.text)}”"))) for point in answer.points]
    if not answer.points:
        nodes.append(Paragraph(text("Nothing in the text has to do with these words.")))
    nodes.append(Note((Plain("From "), *title_link(paper))))
    nodes += _small_print("Answer", answer, notes) if answer.points else map(_note, notes)
    told = one_line(answer.line.text) if answer.line else _joined(answer.points)
    return Reply(tuple(nodes), clip(f"{one_line(question)} {told}", 2_000))


def _joined(points: Sequence[Point]) -> str:
    """Return sentences as one text, with a mark where others stand between them."""
    parts: list[str] = []
    last: int | None = None
    for point in points:
        gap = last is not None and point.place is not None and point.place > last + 1
        parts += ["[…]", one_line(point.text)] if gap else [one_line(point.text)]
        last = point.place
    return " ".join(parts)


def _claim(point: Point) -> Item:
    """Return a claim, and under it what it rests on."""
    told, heading = one_line(point.text), one_line(point.heading)
    title = text(Bold(f"{heading}: "), told) if heading else text(told)
    quote = text(Italic(f"“{clip(one_line(point.quote), 400)}”")) if point.quote else ()
    return Item(title, quote)


def _small_print(what: str, summary: Summary, notes: Sequence[str]) -> list[Node]:
    return [Note(text(f"{what}: {summary.origin}.")), *map(_note, notes)]


def _note(sentence: str) -> Note:
    return Note(with_code(sentence))


def list_reply(
    heading: str,
    papers: Sequence[Paper],
    tallies: Mapping[PaperId, Tally],
    *,
    first_rank: int | None = None,
    note: str = "",
    controls: tuple[Control, ...] = (),
) -> Reply:
    """Return papers as a list under a heading, ranked from ``first_rank`` where it is given."""
    nodes: list[Node] = [Heading(clip(heading, 140))]
    for index, paper in enumerate(papers):
        rank = None if first_rank is None else first_rank + index
        nodes.append(item(paper, tallies.get(paper.id, NOTHING), rank))
    if note:
        nodes.append(Note(text(note)))
    if controls:
        nodes.append(Controls(controls))
    titles = "; ".join(one_line(paper.title) for paper in papers)
    return Reply(tuple(nodes), clip(f"{heading}: {titles}" if titles else heading, 2_000))


def hit(
    paper: Paper,
    tallies: Mapping[PaperId, Tally],
    seen: Mapping[PaperId, Seen],
    tells: Callable[[str], bool],
    rank: int,
) -> Item:
    """Return a paper that was found: where it holds what was looked for, and what is known of it.

    Args:
        paper: The paper.
        tallies: What the team voted.
        seen: What the channel was shown, and when.
        tells: Whether a word is one of those that were looked for.
        rank: Its place.
    """
    meta = [*votes_text(paper, tallies.get(paper.id, NOTHING))]
    if paper.published:
        meta.append(Plain(f" · {day_name(paper.published)}"))
    if before := seen.get(paper.id):
        meta.append(Plain(f" · posted here {day_name(before.day)}"))
    line = excerpt(paper.abstract, tells) or text(one_sentence(paper))
    return replace(item(paper, NOTHING, rank), line=line, meta=tuple(meta))


def excerpt(abstract: str, tells: Callable[[str], bool]) -> Text:
    """Return the sentence that holds most of what was looked for, that set off; or nothing."""
    best: tuple[int, str] = (0, "")
    for sentence in sentences(abstract):
        told = {word.casefold() for word in _WORD.findall(sentence) if tells(word)}
        if len(told) > best[0]:
            best = (len(told), sentence)
    if not best[0]:
        return ()
    spans: list[Span] = []
    end = 0
    shown = _around_first(best[1], tells)
    for match in _WORD.finditer(shown):
        if tells(match[0]):
            spans += [Plain(shown[end : match.start()])] if match.start() > end else []
            spans.append(Bold(match[0]))
            end = match.end()
    spans += [Plain(shown[end:])] if end < len(shown) else []
    return tuple(spans)


def _around_first(sentence: str, tells: Callable[[str], bool]) -> str:
    """Return a sentence, or as much of a long one as fits around the first word looked for."""
    if len(sentence) <= LINE_CHARS:
        return sentence
    first = next(match.start() for match in _WORD.finditer(sentence) if tells(match[0]))
    start = sentence.rfind(" ", 0, max(0, first - LINE_CHARS // 3)) + 1
    return ("… " if start else "") + clip(sentence[start:], LINE_CHARS)


def results_reply(
    heading: str,
    hits: Sequence[Item],
    *,
    notes: Sequence[str] = (),
    controls: tuple[Control, ...] = (),
) -> Reply:
    """Return what was found under a heading, notes and controls below."""
    nodes: list[Node] = [Heading(clip(heading, 140)), *hits]
    nodes += [Note(with_code(" · ".join(notes[:1])))] if notes else []
    nodes += [Note(with_code(note)) for note in notes[1:] if note]
    nodes += [Controls(controls)] if controls else []
    titles = "; ".join(plain(each.title) for each in hits)
    return Reply(tuple(nodes), clip(f"{heading}: {titles}", 2_000))


def nothing_reply(
    sentence: str, *, notes: Sequence[str] = (), controls: tuple[Control, ...] = ()
) -> Reply:
    """Return that nothing was found, why perhaps, and what to try instead."""
    nodes: list[Node] = [Paragraph(text(sentence))]
    nodes += [Note(with_code(note)) for note in notes if note]
    nodes += [Controls(controls)] if controls else []
    return Reply(tuple(nodes), clip(sentence, 2_000))


def sentence_reply(sentence: str, hint: str = "") -> Reply:
    """Return a short answer."""
    nodes: list[Node] = [Paragraph(with_code(sentence))]
    if hint:
        nodes.append(Note(with_code(hint)))
    return Reply(tuple(nodes), clip(plain(with_code(sentence)), 2_000))


def error_reply(error: UserError) -> Reply:
    """Return what went wrong and what to do instead."""
    reply = sentence_reply(clip(str(error), 1_500), error.hint)
    if isinstance(error, BadArgument):
        sentence = plain(with_code(f"{error}"))
        return replace(reply, problem=Problem(error.parameter, sentence))
    return reply


def candidates_reply(error: AmbiguousPaper, command: str) -> Reply:
    """Return the papers that somebody may have meant, each with a button to go on with."""
    reply = error_reply(error)
    buttons = (
        Button(clip(title, 60), RunAction(command, paper)) for paper, title in error.candidates
    )
    return replace(reply, nodes=(*reply.nodes, Controls(tuple(buttons))))


def parked_reply(subscription: Subscription, error: PlatformError) -> Reply:
    """Return what the owner of a subscription is told when its channel takes no more messages."""
    name = f"#{subscription.name}" if subscription.name else str(subscription.channel)
    return sentence_reply(
        f"The digest in {name} is paused: {error.problem}.",
        error.cure or "It goes on by itself once the bot can post there again.",
    )


def revived_reply(subscription: Subscription) -> Reply:
    """Return what the owner of a subscription is told when its channel takes messages again."""
    name = f"#{subscription.name}" if subscription.name else str(subscription.channel)
    return sentence_reply(f"The digest in {name} goes on: the bot can post there again.")


def with_code(sentence: str) -> Text:
    """Return our own sentence, what stands between backticks as code."""
    return tuple(
        Code(part) if index % 2 else Plain(part)
        for index, part in enumerate(sentence.split("`"))
        if part
    )
