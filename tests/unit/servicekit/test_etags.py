"""Entity tags: equal representations have equal tags, and preconditions follow RFC 9110."""

from __future__ import annotations

import msgspec
import pytest

from servicekit.etags import etag_of, require_match, unchanged
from servicekit.failures import Failure, Kind


class Pair(msgspec.Struct, frozen=True):
    """Something with two fields."""

    left: int
    right: dict[str, int]


def test_equal_values_have_equal_tags() -> None:
    """The order of a mapping's keys does not change the tag; a value does."""
    tag = etag_of(Pair(1, {"a": 1, "b": 2}))
    assert tag == etag_of(Pair(1, {"b": 2, "a": 1}))
    assert tag != etag_of(Pair(2, {"a": 1, "b": 2}))


def test_a_tag_is_strong_and_quoted() -> None:
    """The tag has the form of RFC 9110, without W/; the digest is stable over releases."""
    assert '"47DEQpj8HBSa-_TImW-5JCeu"' == etag_of(b"")


@pytest.mark.parametrize("header", ['"a"', '"x", "a"', "*", ' "a" ,"b"'])
def test_a_write_passes_when_the_tag_is_named(header: str) -> None:
    """If-Match with the current tag, among others or as *, lets the write pass."""
    require_match(header, '"a"')


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        (None, Kind.PRECONDITION_REQUIRED),
        ('"b"', Kind.STALE),
        ('W/"a"', Kind.STALE),
        ("a", Kind.STALE),
        ('"a" "b"', Kind.STALE),
        ("", Kind.STALE),
    ],
)
def test_a_write_is_refused_otherwise(header: str | None, kind: Kind) -> None:
    """No tag at all is one refusal; another tag, a weak one and an unreadable one are all not the current one."""
    with pytest.raises(Failure) as caught:
        require_match(header, '"a"')
    assert kind is caught.value.kind


@pytest.mark.parametrize(
    ("header", "expected"), [(None, False), ("b a", False), ('"b"', False), ('"a"', True), ('W/"a"', True), ("*", True)]
)
def test_a_read_is_unchanged_by_weak_comparison(header: str | None, expected: bool) -> None:
    """If-None-Match compares weakly, and * matches whatever is there."""
    assert expected is unchanged(header, '"a"')
