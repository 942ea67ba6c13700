"""Ids say what they name: every prefix belongs to one kind, and to the type whose pattern accepts it."""

from typing import Annotated, Any, get_args, get_origin

import msgspec
import pytest

from canonical import ids
from canonical.ids import PREFIXES
from servicekit.ids import mint

HEX = "01933b5e8f7a7c3e9d2b4f6a8c0e1d2f"


def _types() -> dict[str, Any]:
    """Every id type of the module, by the kind that it says it holds."""
    found = [value for value in vars(ids).values() if get_origin(value) is Annotated]
    return {meta.extra["id_kind"]: kind for kind in found for meta in get_args(kind)[1:]}


TYPES = _types()


def test_every_kind_has_a_type_and_every_type_a_prefix() -> None:
    """The directory mints by the table and finds ids by the types: the two know the same kinds."""
    assert PREFIXES.keys() == TYPES.keys()


def test_no_two_kinds_share_a_prefix() -> None:
    """An id alone tells what it names."""
    assert len(PREFIXES) == len(set(PREFIXES.values()))


@pytest.mark.parametrize("kind", sorted(PREFIXES))
def test_an_id_of_a_kind_fits_its_type(kind: str) -> None:
    """What is minted is accepted by the type, whole and within its length."""
    minted = mint(PREFIXES[kind])
    assert minted == msgspec.convert(minted, TYPES[kind])
    assert 36 == len(minted)


@pytest.mark.parametrize("kind", sorted(PREFIXES))
def test_an_id_of_another_kind_does_not(kind: str) -> None:
    """A project's id is refused where a customer's is asked for."""
    for other in PREFIXES.keys() - {kind}:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(f"{PREFIXES[other]}_{HEX}", TYPES[kind])


@pytest.mark.parametrize(
    "wrong", ["", "cus", "cus_", "cus_1", f"cus_{HEX}0", f"cus_{HEX.upper()}", f"cus_{HEX}\n", f" cus_{HEX}", HEX]
)
def test_what_is_no_id_is_refused(wrong: str) -> None:
    """The pattern is the whole id: a native id never passes for one of ours."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, ids.CustomerId)


def test_ids_sort_by_the_time_of_minting() -> None:
    """UUIDv7: later ids are greater, so that tables and logs read in order."""
    minted = [mint("prj") for _ in range(200)]
    assert minted == sorted(minted)
    assert 200 == len(set(minted))
