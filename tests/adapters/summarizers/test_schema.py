import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from adapters.summarizers._schema import mismatch, strict

POINT = {
    "type": "object",
    "properties": {
        "text": {"type": "string", "maxLength": 3},
        "sentence": {"type": "integer"},
        "kind": {"type": "string", "enum": ["a", "b"]},
    },
    "required": ["text", "sentence"],
}
SCHEMA = {
    "type": "object",
    "properties": {
        "points": {"type": "array", "items": POINT, "maxItems": 2},
        "sure": {"type": "boolean"},
        "maxLength": {"type": "string", "maxLength": 2},
    },
    "required": ["points"],
}

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 2), st.text("abü", max_size=4), st.just(0.5)
)
names = st.sampled_from(["points", "sure", "text", "sentence", "kind", "maxLength", "other"])
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=4)),
    max_leaves=8,
)
points = st.fixed_dictionaries(
    {"text": st.text("ab", max_size=4), "sentence": st.one_of(st.integers(), st.booleans())},
    optional={"kind": st.sampled_from(["a", "b", "c"]), "other": values},
)
answers = st.fixed_dictionaries(
    {"points": st.lists(points, max_size=3)}, optional={"sure": scalars, "maxLength": scalars}
)


@given(st.one_of(values, answers))
def test_a_value_fits_where_the_standard_says_so(value):
    fits = Draft202012Validator(SCHEMA).is_valid(value)
    assert (mismatch(value, SCHEMA) is None) == fits


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "the object is of no type object"),
        ({}, "the object lacks points"),
        ({"points": "?"}, "points is of no type array"),
        ({"points": [{}] * 3}, "points has 3 items, 2 at the most"),
        ({"points": [{"text": "a"}]}, "points[0] lacks sentence"),
        ({"points": [{"text": "abcd", "sentence": 1}]},
         "points[0].text has 4 characters, 3 at the most"),
        ({"points": [{"text": "", "sentence": True}]}, "points[0].sentence is of no type integer"),
        ({"points": [{"text": "", "sentence": 1, "kind": "c"}]},
         "points[0].kind is none of the 2 values to choose from"),
    ],
)  # fmt: skip
def test_a_difference_is_named_by_its_place(value, words):
    assert mismatch(value, SCHEMA) == words


@pytest.mark.parametrize(
    "schema", [{"type": "string", "pattern": "a"}, {"type": "number"}, {"enum": ["a"]}]
)
def test_a_schema_that_cannot_be_held_is_a_bug(schema):
    with pytest.raises(ValueError, match="cannot be held here"):
        mismatch("a", schema)


def test_what_is_sent_is_closed_and_without_lengths_of_texts():
    before = json.dumps(SCHEMA)
    sent = strict(SCHEMA)
    assert sent["additionalProperties"] is False
    assert sent["properties"]["maxLength"] == {"type": "string"}
    assert sent["properties"]["points"]["maxItems"] == 2
    assert sent["properties"]["points"]["items"]["additionalProperties"] is False
    assert sent["properties"]["points"]["items"]["properties"]["text"] == {"type": "string"}
    assert json.dumps(SCHEMA) == before
