import json
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.summarizers._answer import Completion, read, tokens, words
from bot.domain.errors import ModelError

SCHEMA = {"type": "object", "properties": {"line": {"type": "string"}}, "required": ["line"]}

json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=9,
)
contents = st.one_of(
    json_values,
    st.text(st.sampled_from('{}[]":,1a<think></think>`\\u'), max_size=60),
    json_values.map(json.dumps),
)
fields = {"content": contents, "refusal": json_values}
choices = st.fixed_dictionaries(
    {},
    optional={"message": st.fixed_dictionaries({}, optional=fields), "finish_reason": json_values},
)
bodies = st.fixed_dictionaries(
    {},
    optional={
        "choices": st.lists(st.one_of(choices, json_values), max_size=2),
        "usage": st.one_of(
            json_values, st.fixed_dictionaries({"prompt_tokens": st.integers() | json_values})
        ),
        "model": json_values,
    },
)


def body(text, **changed):
    return json.dumps({"choices": [{"message": {"content": text}}], **changed}).encode()


@given(st.one_of(st.binary(max_size=200), json_values.map(json.dumps).map(str.encode)))
@example(b"[" * 100_000)
@example(b'{"error": {"message": ["?"]}}')
def test_bytes_of_any_kind_are_an_answer_or_an_error_of_ours(data):
    assert "\n" not in words(data)
    with suppress(ModelError):
        read(data, SCHEMA, asked=9, model="small")


@given(bodies)
def test_an_answer_of_nearly_the_right_shape_is_an_answer_or_an_error_of_ours(value):
    with suppress(ModelError):
        completion = read(json.dumps(value).encode(), SCHEMA, asked=9, model="small")
        assert isinstance(completion.value["line"], str)
        assert completion.tokens_in > 0
        assert completion.tokens_out > 0
        assert "\n" not in completion.model


@given(st.dictionaries(st.text(max_size=9), json_values, max_size=3), st.text(max_size=20))
@example({}, "</think>")
@example({}, "{}")
def test_an_object_is_read_as_it_was_written(more, line):
    value = {**more, "line": line}
    text = json.dumps(value, allow_nan=True)
    if "NaN" in text or "Infinity" in text:
        return
    for told in (text, f"```json\n{text}\n```", f"<think>{{?}}</think>{text}"):
        assert read(body(told), SCHEMA, asked=9, model="small").value == value


def test_usage_counts_only_as_a_number_above_nothing():
    usage = {"prompt_tokens": 7, "completion_tokens": True}
    assert read(body('{"line": "x"}', usage=usage), SCHEMA, asked=99, model="small") == Completion(
        value={"line": "x"}, tokens_in=7, tokens_out=4, estimated=True, model="small"
    )


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"error": {"message": "no\n room"}}, "no room"),
        ({"error": "no room"}, "no room"),
        ({"detail": "no room"}, "no room"),
        ({"detail": [{"msg": "no room"}]}, ""),
        ({"error": None}, ""),
        ({"error": {}}, ""),
        ([], ""),
    ],
)
def test_an_endpoint_tells_its_error_in_one_of_three_ways(value, told):
    assert words(json.dumps(value).encode()) == told


def test_tokens_are_rounded_up():
    assert [tokens(chars) for chars in (0, 1, 4, 5)] == [0, 1, 1, 2]
