"""The transaction log's windows, and places in them."""

from datetime import UTC, date, datetime
from typing import Literal

import pytest
from lxml import etree

from servicekit.failures import Failure, Kind
from system_apis.hr.workday.transaction_log import WD, Place, envelope, found, to_place

SINCE = datetime(2026, 11, 20, 20, tzinfo=UTC)
THROUGH = datetime(2026, 11, 21, 11, 30, tzinfo=UTC)
PAGE = "<Response_Results><Total_Pages>1</Total_Pages><Page>1</Page></Response_Results>"


def asked(window: Literal["entered", "effective"]) -> dict[str, str]:
    """What a request says, by element."""
    place = Place(window=window, page=3, through=THROUGH)
    day = date(2027, 11, 21)
    content = envelope(SINCE, place, count=50, as_of_day=day, user="i&u@acme", password="<p>", version="v44.2")
    return {etree.QName(node).localname: node.text or "" for node in etree.fromstring(content).iter()}


def test_the_window_of_entry_is_the_time_between() -> None:
    """What was entered from the one moment to the other; the as-of clocks are frozen and look ahead."""
    told = asked("entered")
    assert ("2026-11-20T20:00:00.000Z", "2026-11-21T11:30:00.000Z") == (told["Updated_From"], told["Updated_Through"])
    assert not {"Effective_From", "Effective_Through"} & told.keys()
    assert ("2027-11-21", "2026-11-21T11:30:00.000Z") == (told["As_Of_Effective_Date"], told["As_Of_Entry_DateTime"])
    assert ("3", "50", "false", "false") == (
        told["Page"],
        told["Count"],
        told["Exclude_Inactive_Workers"],
        told["Exclude_Contingent_Workers"],
    )


def test_the_window_of_effect_is_of_earlier_entries() -> None:
    """What was entered before, and whose day begins in the time between somewhere on earth."""
    told = asked("effective")
    assert ("1970-01-01T00:00:00.000Z", "2026-11-20T20:00:00.000Z") == (told["Updated_From"], told["Updated_Through"])
    assert ("2026-11-20", "2026-11-22") == (told["Effective_From"], told["Effective_Through"])


def test_credentials_are_escaped() -> None:
    """A name or a password with signs of XML in it stays what it is."""
    told = asked("entered")
    assert ("i&u@acme", "<p>") == (told["Username"], told["Password"])


def test_a_place_is_read_as_it_was_written() -> None:
    """A place survives being a text; anything else is MALFORMED."""
    place = Place(window="effective", page=7, through=THROUGH)
    assert place == to_place(str(place))
    for text in ("", "effective|7", "other|7|2026-11-21T00:00:00Z", "entered|x|2026-11-21T00:00:00Z", "entered|1|x"):
        with pytest.raises(Failure) as caught:
            to_place(text)
        assert (Kind.MALFORMED, "invalid_cursor") == (caught.value.kind, caught.value.code)


@pytest.mark.parametrize(
    "content",
    [
        "<html>",
        "<r/>",
        f'<r xmlns="{WD}"><Response_Results><Page>1</Page></Response_Results></r>',
        f'<r xmlns="{WD}">{PAGE}<Response_Data><Worker/></Response_Data></r>',
    ],
)
def test_an_answer_that_cannot_be_read_is_refused(content: str) -> None:
    """No pages, or a worker without an id, are no answer."""
    with pytest.raises(Failure) as caught:
        found(content.encode())
    assert Kind.BAD_UPSTREAM is caught.value.kind


def test_entities_are_not_expanded() -> None:
    """A document type in an answer reads no file."""
    hostile = (
        f'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/hostname">]><r xmlns="{WD}" xmlns:w="{WD}">{PAGE}'
        "<Response_Data><Worker><Worker_Reference>"
        '<ID w:type="WID">&x;</ID></Worker_Reference></Worker></Response_Data></r>'
    )
    with pytest.raises(Failure) as caught:
        found(hostile.encode())
    assert Kind.BAD_UPSTREAM is caught.value.kind
