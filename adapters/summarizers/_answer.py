"""Read what a chat endpoint answers: the one JSON object in it, and what it cost. Pure.

Rule: tolerant of what stands around the object, strict about the object. What an answer cost is
told with every error too, for it is spent.
"""

from __future__ import annotations

import json
import re
from typing import Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from adapters.summarizers._schema import Schema, mismatch
from bot.domain.errors import ModelError
from bot.ports import Completion
from bot.text import clip, one_line

CHARS_PER_TOKEN = 4
"""Of English text; help.openai.com/en/articles/4936856."""

WORDS_CHARS = 200
MODEL_CHARS = 100

_STREAM = re.compile(rb"\s*(data|event|id|retry)?:")
_THOUGHT = "<think>"
_THOUGHT_ENDS = "</think>"


class Malformed(ModelError):
    """The answer is not what was asked for; a second attempt may give it."""


def _tolerated(value: object, handler: ValidatorFunctionWrapHandler) -> object:
    try:
        return handler(value)
    except ValidationError:
        return None


def _joined(content: object) -> object:
    """Return the text of a content that comes in parts."""
    if not isinstance(content, list):
        return content
    texts = [part.get("text") for part in content if isinstance(part, dict)]
    return "".join(text for text in texts if isinstance(text, str))


Count = Annotated[int | None, Field(strict=True, gt=0), WrapValidator(_tolerated)]
Words = Annotated[str | None, WrapValidator(_tolerated)]


class _Message(BaseModel):
    content: Annotated[str | None, BeforeValidator(_joined)] = None
    refusal: Words = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: Words = None


class _Usage(BaseModel):
    prompt_tokens: Count = None
    completion_tokens: Count = None


class _Body(BaseModel):
    """platform.openai.com/docs/api-reference/chat/object, as far as it is used."""

    choices: list[_Choice] = Field(min_length=1)
    usage: Annotated[_Usage | None, WrapValidator(_tolerated)] = None
    model: Words = None


def read(body: bytes, schema: Schema, *, asked: int, model: str) -> Completion:
    """Return what the body of an answer holds.

    Args:
        body: As it came.
        schema: What the object has to fit.
        asked: Length of the question in characters, for an estimate of its tokens.
        model: Its name where the answer does not tell.

    Raises:
        Malformed: if there is no such object in it.
        ModelError: if the model refused, was cut off, said nothing, or the answer is a stream.
    """
    answer = _body(body)
    choice = answer.choices[0]
    text = choice.message.content or ""
    usage = answer.usage or _Usage()
    spent_in = usage.prompt_tokens or tokens(asked)
    spent_out = usage.completion_tokens or tokens(len(text))
    if problem := _silence(choice, text):
        raise ModelError(problem, tokens_in=spent_in, tokens_out=spent_out)
    value = _object(text)
    problem = mismatch(value, schema) if value is not None else "there is no JSON object in it"
    if value is None or problem:
        raise Malformed(
            f"the answer is not as asked for: {problem}; "
            "if this goes on, set LLM_MODEL to a model that keeps to a JSON schema",
            tokens_in=spent_in,
            tokens_out=spent_out,
        )
    return Completion(
        value=value,
        tokens_in=spent_in,
        tokens_out=spent_out,
        estimated=not (usage.prompt_tokens and usage.completion_tokens),
        model=clip(one_line(answer.model or model), MODEL_CHARS),
    )


def tokens(chars: int) -> int:
    """Return an estimate of how many tokens a text of so many characters has."""
    return -(-chars // CHARS_PER_TOKEN)


def words(body: bytes) -> str:
    """Return the endpoint's own error message on one line, as far as it sent one."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(value, dict):
        return ""
    error = value.get("error")
    told = error.get("message") if isinstance(error, dict) else error or value.get("detail")
    return one_line(told) if isinstance(told, str) else ""


def _body(body: bytes) -> _Body:
    try:
        return _Body.model_validate_json(body)
    except ValidationError as error:
        if _STREAM.match(body):
            raise ModelError(
                "the answer is a stream, which was not asked for; "
                "turn streaming off at the endpoint or set LLM_BASE_URL to another"
            ) from None
        place = ".".join(map(str, error.errors(include_input=False)[0]["loc"]))
        problem = f"{place} is missing or of another form" if place else "it is no JSON"
        raise Malformed(
            f"the answer is none of a chat endpoint: {problem}; check LLM_BASE_URL"
        ) from None  # the cause would print what was answered


def _silence(choice: _Choice, text: str) -> str | None:
    """Return why there is no answer to look into, if so."""
    if refusal := choice.message.refusal:
        return f"the model refused ({clip(one_line(refusal), WORDS_CHARS)})"
    if choice.finish_reason == "content_filter":
        return "the endpoint's filter withheld the answer"
    if choice.finish_reason == "length":
        return "the answer was cut off; raise LLM_MAX_TOKENS"
    if not text.strip():
        return "the answer is empty; set LLM_MODEL to a model for chat"
    return None


def _object(text: str) -> dict[str, object] | None:
    """Return the one JSON object in a text, after the model's thoughts, if it began with any.

    Some servers leave out where the thoughts begin; then the text may also be the answer alone.
    """
    thoughts, end, answer = text.partition(_THOUGHT_ENDS)
    if thoughts.lstrip().startswith(_THOUGHT):
        return _decoded(answer)
    return (_decoded(answer) if end else None) or _decoded(text)


def _decoded(text: str) -> dict[str, object] | None:
    """Return the object between the outermost braces; never one inside another, or one of two."""
    try:
        value = json.loads(text[text.find("{") : text.rfind("}") + 1], parse_constant=_no_json)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _no_json(constant: str) -> object:
    raise ValueError(f"{constant} is no JSON")
