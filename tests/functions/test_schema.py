"""JSON Schemas come from signatures, docstrings and `Argument`, inlined and in declared order."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

import jsonschema
import pytest
from typing_extensions import TypedDict

from magnet_ray.functions.schema import argument_of, hints_of, parameter_schema, return_schema, type_schema
from magnet_ray.phrases import Argument


class Room(TypedDict):
    name: str
    beds: int


class Hotel(TypedDict):
    rooms: list[Room]
    best: Room | None


class Board(StrEnum):
    HALF = "half"
    FULL = "full"


class Desk:
    """A class with a method."""

    def book(
        self,
        room_name: str,
        nights: Annotated[int, Argument(description="How many nights.", low=1, high=30)],
        arrival: Annotated[str, Argument(description="First day.", kind="date")],
        board: Literal["half", "full"] = "half",
        budget: float | None = None,
        quiet: bool = False,
    ) -> Hotel:
        """Book a room.

        Args:
            room_name: Name of the room.
            budget: Most that it may cost.
        """
        raise NotImplementedError


SCHEMA = parameter_schema(Desk.book)


def test_parameters_keep_their_order_and_only_those_without_a_default_are_required() -> None:
    assert list(SCHEMA["properties"]) == ["room_name", "nights", "arrival", "board", "budget", "quiet"]
    assert SCHEMA["required"] == ["room_name", "nights", "arrival"]
    assert SCHEMA["type"] == "object"


def test_descriptions_come_from_the_argument_the_docstring_or_the_name() -> None:
    descriptions = {name: schema["description"] for name, schema in SCHEMA["properties"].items()}
    assert descriptions == {
        "room_name": "Name of the room.",
        "nights": "How many nights.",
        "arrival": "First day.",
        "board": "The board.",
        "budget": "Most that it may cost.",
        "quiet": "The quiet.",
    }


def test_limits_formats_choices_and_defaults_are_in_the_schema() -> None:
    properties = SCHEMA["properties"]
    assert (properties["nights"]["minimum"], properties["nights"]["maximum"]) == (1, 30)
    assert properties["arrival"] == {"type": "string", "description": "First day.", "format": "date"}
    assert properties["board"]["enum"] == ["half", "full"] and properties["board"]["default"] == "half"
    assert properties["quiet"]["type"] == "boolean" and properties["quiet"]["default"] is False


def test_an_optional_type_is_its_type_and_none_is_no_default() -> None:
    assert SCHEMA["properties"]["budget"] == {"type": "number", "description": "Most that it may cost."}


def test_nothing_refers_elsewhere_or_carries_a_title() -> None:
    for schema in (SCHEMA, return_schema(Desk.book)):
        assert "$ref" not in str(schema) and "'title'" not in str(schema) and "$defs" not in str(schema)


def test_returned_records_are_spelled_out() -> None:
    room = {"type": "object", "properties": {"name": {"type": "string"}, "beds": {"type": "integer"}}, "required": ["name", "beds"]}
    assert return_schema(Desk.book) == {
        "type": "object",
        "properties": {"rooms": {"type": "array", "items": room}, "best": room},
        "required": ["rooms", "best"],
    }


def test_schemas_are_valid_and_tell_good_arguments_from_bad() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    validator = jsonschema.Draft202012Validator(SCHEMA)
    good = {"room_name": "Lake", "nights": 2, "arrival": "2026-03-01"}
    assert validator.is_valid(good)
    for bad in ({"nights": 0}, {"nights": "2"}, {"board": "none"}, {"room_name": 3}):
        assert not validator.is_valid(good | bad)


def test_a_parameter_without_a_hint_is_named() -> None:
    def loose(city, nights: int) -> None:  # type: ignore[no-untyped-def]
        """Nothing."""

    with pytest.raises(TypeError, match=r"'city' of .*loose has no type hint"):
        parameter_schema(loose)


def test_a_type_that_json_cannot_express_is_named() -> None:
    class Opaque:
        pass

    with pytest.raises(TypeError, match="Opaque"):
        type_schema(Opaque)

    def hidden() -> Opaque:
        raise NotImplementedError

    hidden.__annotations__["return"] = Opaque
    assert return_schema(hidden) is None


@pytest.mark.parametrize(
    ("hint", "schema"),
    [
        (int, {"type": "integer"}),
        (list[str], {"type": "array", "items": {"type": "string"}}),
        (dict[str, float], {"type": "object", "additionalProperties": {"type": "number"}}),
        (int | None, {"type": "integer"}),
        (Board, {"type": "string", "enum": ["half", "full"]}),
        (int | str, {"anyOf": [{"type": "integer"}, {"type": "string"}]}),
    ],
)
def test_common_types_have_the_usual_schemas(hint: Any, schema: dict[str, Any]) -> None:
    assert type_schema(hint) == schema


def test_a_function_without_a_return_hint_has_no_return_schema() -> None:
    def silent(city: str):  # type: ignore[no-untyped-def]
        """Nothing."""

    def anything(city: str) -> Any:
        """Nothing."""

    assert return_schema(silent) is return_schema(anything) is None


def test_hints_that_cannot_be_resolved_are_no_hints() -> None:
    def odd(city: str) -> str:
        return city

    odd.__annotations__["city"] = "NoSuchType"
    assert hints_of(odd) == {}


def test_the_argument_of_a_hint_is_found() -> None:
    argument = Argument(description="x")
    assert argument_of(Annotated[str, "other", argument]) is argument
    assert argument_of(str) is None
