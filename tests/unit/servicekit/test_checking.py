"""A document is judged as a whole: every mistake, each in its place, and decimals only as plain texts."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicekit.checking import Reader, mistakes, pointer
from servicekit.failures import Failure, Kind


class Node(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that holds its like."""

    amount: Decimal | None = None
    children: tuple[Node, ...] = ()


class Holder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Decimals in every kind of container."""

    by_name: dict[str, Decimal] = {}
    listed: list[Decimal] = []
    pair: tuple[str, Decimal] | None = None
    node: Node | None = None
    either: Decimal | int | None = None
    tags: Annotated[tuple[str, ...], msgspec.Meta(max_length=2)] = ()


Colour = Annotated[str, msgspec.Meta(extra_json_schema={"x-extensible-enum": ["red", "green"]})]


class Painted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Open enumerations in every kind of container."""

    outside: Colour
    inside: Annotated[Colour | None, msgspec.Meta(description="none if it is hollow")] = None
    layers: tuple[Colour, ...] = ()
    by_name: dict[str, Colour] = {}
    parts: tuple[Painted, ...] = ()


class Even(msgspec.Struct, frozen=True):
    """A struct with a rule of its own."""

    number: int

    def __post_init__(self) -> None:
        if self.number % 2:
            raise ValueError("the number must be even")


def found(wanted: Any, document: object) -> list[str]:
    """The places of the mistakes in *document*."""
    reader: Reader[Any] = Reader(wanted)
    try:
        reader.read(msgspec.json.encode(document))
    except Failure as failure:
        return [error.pointer if failure.kind is Kind.INVALID else failure.code for error in failure.errors]
    return []


@pytest.mark.parametrize(
    ("document", "places"),
    [
        ({"by_name": {"a": "1.5", "b/c": 1.5}}, ["/by_name/b~1c"]),
        ({"listed": ["1", 2, "x"]}, ["/listed/1", "/listed/2"]),
        ({"pair": ["a", 1.5]}, ["/pair/1"]),
        ({"pair": ["a", "1.5", "more"]}, ["/pair"]),
        (
            {"node": {"children": [{"amount": "1"}, {"children": [{"amount": 1.5}]}]}},
            ["/node/children/1/children/0/amount"],
        ),
        ({"node": {"amount": None, "children": [{"amount": "2"}]}}, []),
        ({"tags": ["a", "b", "c"]}, ["/tags"]),
        ({"tags": ["a", 1, "c"]}, ["/tags/1"]),
        ({"by_name": [], "listed": {}}, ["/by_name", "/listed"]),
        ([], [""]),
    ],
)
def test_mistakes_are_found_in_every_container(document: object, places: list[str]) -> None:
    """Structs, mappings, lists, tuples, and types that hold themselves."""
    assert places == found(Holder, document)


@pytest.mark.parametrize(
    ("document", "places"),
    [
        ({"outside": "red", "inside": None, "layers": ["green"], "by_name": {"a": "red"}}, []),
        ({"outside": ""}, ["/outside"]),
        ({"outside": "Red", "inside": "mauve"}, ["/inside", "/outside"]),
        ({"outside": "red", "layers": ["red", "pink"]}, ["/layers/1"]),
        ({"outside": "red", "by_name": {"a": "pink"}}, ["/by_name/a"]),
        ({"outside": "red", "parts": [{"outside": "pink"}]}, ["/parts/0/outside"]),
    ],
)
def test_what_is_asked_of_us_names_only_what_we_know(document: object, places: list[str]) -> None:
    """An open enumeration is open towards callers: a command with a value that nobody knows cannot be carried out."""
    assert places == found(Painted, document)


def test_an_unknown_value_is_told_with_the_known_ones() -> None:
    """The caller reads what it may say."""
    (error,) = mistakes({"outside": "pink"}, Painted)
    assert ("/outside", "unknown_value", "Expected one of green, red.") == (error.pointer, error.code, error.message)


def test_a_rule_of_a_type_is_a_mistake_in_its_place() -> None:
    """What a struct's own check refuses is told with its words."""
    assert [("/a", "the number must be even.")] == [
        (error.pointer, error.message) for error in mistakes({"a": {"number": 3}}, dict[str, Even])
    ]


def test_a_pointer_escapes_what_it_must() -> None:
    """RFC 6901: ~ and / in names."""
    assert "/a/b~1c~0d" == pointer("/a", "b/c~d")


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=4))
def test_a_decimal_written_plainly_is_read_exactly(value: Decimal) -> None:
    """No digit is lost on the way in."""
    body = msgspec.json.encode({"amount": f"{value:f}"})
    assert value == Reader[Node](Node).read(body).amount


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["by_name", "listed", "pair", "node", "amount", "children", "either"]), inner
            )
        ),
        max_leaves=8,
    )
)
def test_no_document_breaks_the_reading(document: object) -> None:
    """Whatever comes is read when it fits and refused with places when it does not, as msgspec itself would judge."""
    places = found(Holder, document)
    if not places:
        assert isinstance(msgspec.convert(document, Holder), Holder)
