"""Who is whose record: only what is certain is linked."""

import pytest

from canonical.delivery import NewMatch, Resource
from servicekit.failures import Failure, Kind
from system_apis.psa.matching import Candidate, decided, same_name

WANTED = NewMatch(worker_id=f"wrk_{1:032x}", worker_number="W1", name="Ada Brandt", email="ada@x.example")


def found(native_id: str, by: str, name: str = "Ada Brandt") -> Candidate:
    resource = Resource(id=native_id, worker_id=native_id, name=name, email="ada@x.example", active=True)
    return resource, by


@pytest.mark.parametrize(
    ("candidates", "result", "native_id", "matched_by"),
    [
        ([], "unmatched", None, None),
        ([found("1", "worker_number", "Somebody")], "linked", "1", "worker_number"),
        ([found("1", "worker_number"), found("2", "email")], "linked", "1", "worker_number"),
        ([found("1", "worker_number"), found("2", "worker_number")], "ambiguous", None, None),
        ([found("1", "email")], "linked", "1", "email_and_name"),
        ([found("1", "email", "Eva Brandt")], "ambiguous", None, None),
        ([found("1", "email"), found("2", "email")], "ambiguous", None, None),
        ([found("1", "other_worker")], "ambiguous", None, None),
    ],
)
def test_one_number_or_one_email_with_the_name_is_certain(
    candidates: list[Candidate], result: str, native_id: str | None, matched_by: str | None
) -> None:
    """One record by number, or one by e-mail whose name is equal too; everything else is a person's decision."""
    verdict = decided(candidates, WANTED, None)
    assert (result, matched_by) == (verdict.result, verdict.matched_by)
    assert native_id == (verdict.resource.id if verdict.resource else None)


def test_a_link_holds_when_the_facts_fade() -> None:
    """A worker that is linked stays linked, whatever is found or not found later."""
    linked, _ = found("7", "email")
    for candidates in ([], [found("1", "email"), found("2", "email")]):
        verdict = decided(candidates, WANTED, linked)
        assert ("linked", linked, None) == (verdict.result, verdict.resource, verdict.matched_by)


def test_a_link_is_not_moved_to_another_record() -> None:
    """A certain record other than the linked one is a conflict."""
    with pytest.raises(Failure) as caught:
        decided([found("1", "worker_number")], WANTED, found("7", "email")[0])
    assert (Kind.CONFLICT, "already_linked") == (caught.value.kind, caught.value.code)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Ada Brandt", "BRANDT, Ada", True),
        ("José  Núñez", "jose nunez", True),
        ("Ada Brandt", "Ada M. Brandt", False),
        ("Ada Brandt", "Eva Brandt", False),
    ],
)
def test_names_are_equal_but_for_spelling(one: str, other: str, same: bool) -> None:
    """Case, accents, commas, spaces and order do not matter; letters do."""
    assert same is same_name(one, other)
