"""A SCIM user as an identity account, whatever the server leaves out or writes differently."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from canonical.people import IdentityAccount
from system_apis.identity.scim.mapping import email, full_name, has_address, to_account, worker_number
from system_apis.identity.scim.records import ENTERPRISE_URN, ListRecord, UserRecord
from system_apis.identity.scim.settings import NumberField

NOW = datetime(2026, 11, 23, 9, 15, tzinfo=UTC)
BOTH: tuple[NumberField, ...] = ("employeeNumber", "externalId")


def user(**body: Any) -> UserRecord:
    return msgspec.convert({"id": "u1", "userName": "ada@login.example", **body}, UserRecord)


def test_a_whole_user_is_an_account() -> None:
    """Every field has one place it comes from."""
    record = user(
        externalId="00u1",
        displayName="Ada Brandt",
        active=False,
        emails=[{"value": "ada@x.example", "type": "work", "primary": True}],
        meta={"created": "2026-01-01T00:00:00Z", "lastModified": "2026-02-01T09:00:00+01:00", "version": 'W/"1"'},
        **{ENTERPRISE_URN: {"employeeNumber": "W1", "manager": {"value": "u2"}}},
    )
    assert IdentityAccount(
        id="u1",
        worker_id="u1",
        worker_number="W1",
        login="ada@login.example",
        name="Ada Brandt",
        email="ada@x.example",
        active=False,
        updated_at=datetime(2026, 2, 1, 8, tzinfo=UTC),
    ) == to_account(record, BOTH, NOW)


def test_a_bare_user_is_an_account_too() -> None:
    """Only id and login are required; active unless told otherwise; a reading without a date is news."""
    account = to_account(user(emails=None, name=None, meta=None, active=None), BOTH, NOW)
    assert (None, None, "ada@login.example", True, NOW) == (
        account.worker_number,
        account.email,
        account.name,
        account.active,
        account.updated_at,
    )


@pytest.mark.parametrize(
    ("written", "expected"), [("True", True), ("False", False), ("false", False), (True, True), (None, True)]
)
def test_booleans_may_be_text(written: bool | str | None, expected: bool) -> None:
    """Entra's old dialect writes them so."""
    assert expected is to_account(user(active=written), BOTH, NOW).active


@pytest.mark.parametrize(
    ("body", "places", "expected"),
    [
        ({ENTERPRISE_URN: {"employeeNumber": "W1"}, "externalId": "W2"}, BOTH, "W1"),
        ({ENTERPRISE_URN: {"employeeNumber": "W1"}, "externalId": "W2"}, ("externalId", "employeeNumber"), "W2"),
        ({ENTERPRISE_URN: {"employeeNumber": " "}, "externalId": " W2 "}, BOTH, "W2"),
        ({"externalId": "00u1"}, ("employeeNumber",), None),
        ({ENTERPRISE_URN: {}}, BOTH, None),
    ],
)
def test_the_first_filled_number_counts(body: dict[str, Any], places: Any, expected: str | None) -> None:
    """In the order of the settings; spaces are nothing."""
    assert expected == worker_number(user(**body), places)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"displayName": "Ada B.", "name": {"formatted": "Dr. Ada Brandt"}}, "Ada B."),
        ({"name": {"formatted": "Dr. Ada Brandt", "givenName": "Ada"}}, "Dr. Ada Brandt"),
        ({"name": {"givenName": "Ada", "familyName": "Brandt"}}, "Ada Brandt"),
        ({"displayName": "", "name": {"familyName": "Brandt"}}, "Brandt"),
        ({}, "ada@login.example"),
    ],
)
def test_an_account_always_has_a_name(body: dict[str, Any], expected: str) -> None:
    """As shown, as formatted, from its parts, else the login."""
    assert expected == full_name(user(**body))


@pytest.mark.parametrize(
    ("emails", "expected"),
    [
        ([{"value": "h@x", "type": "home"}, {"value": "w@x", "type": "Work"}], "w@x"),
        ([{"value": "w@x", "type": "work"}, {"value": "h@x", "type": "home", "primary": True}], "h@x"),
        ([{"value": "o@x"}, {"value": "h@x", "type": "home", "primary": "False"}], "o@x"),
        ([{"type": "work"}, {"value": "", "primary": True}], None),
    ],
)
def test_the_best_address_is_taken(emails: list[dict[str, Any]], expected: str | None) -> None:
    """Primary before work before the first; empty ones are none."""
    assert expected == email(user(emails=emails))


def test_every_address_is_known() -> None:
    """All addresses and the login, in any case."""
    record = user(emails=[{"value": "Ada@X.example"}, {"type": "home"}])
    assert [True, True, False] == [
        has_address(record, one) for one in ("ada@x.example", "ADA@login.example", "b@x.example")
    ]


@pytest.mark.parametrize(
    "body",
    [
        b'{"totalResults": 0}',
        b'{"totalResults": 0, "Resources": null}',
        b'{"totalResults": 0, "itemsPerPage": "0", "Resources": []}',
    ],
)
def test_an_empty_list_has_many_forms(body: bytes) -> None:
    """Nobody found is no error."""
    assert not msgspec.json.decode(body, type=ListRecord).resources
