"""The sandbox's filters, against RFC 7644 section 3.4.2.2 and its examples."""

from typing import Any

import pytest

from system_apis.identity.scim.sandbox.filters import in_resource, matches, parse
from system_apis.identity.scim.sandbox.refusals import RefusalError
from system_apis.identity.scim.sandbox.schemas import ENTERPRISE_URN, USER

ADA: dict[str, Any] = {
    "id": "u1",
    "externalId": "W-1",
    "userName": "bjensen",
    "name": {"familyName": "O'Malley", "givenName": "Ada"},
    "title": "",
    "userType": "Employee",
    "active": True,
    "emails": [
        {"type": "work", "value": "bjensen@example.com", "primary": True},
        {"type": "home", "value": "ada@example.org"},
    ],
    ENTERPRISE_URN: {"employeeNumber": "W-1", "manager": {"value": "u9"}},
    "meta": {"lastModified": "2026-05-13T04:42:34Z"},
}


@pytest.mark.parametrize(
    "text",
    [
        'userName eq "bJensen"',
        'USERNAME Eq "bjensen"',
        'name.familyName co "O\'Malley"',
        'userName sw "BJ"',
        'userName ew "sen"',
        'urn:ietf:params:scim:schemas:core:2.0:User:userName sw "b"',
        f'{ENTERPRISE_URN}:employeeNumber eq "w-1"',
        f'{ENTERPRISE_URN}:manager.value eq "u9"',
        "emails pr",
        "not (title pr)",
        'title ne "x"',
        "nickName eq null",
        "nickName ne null or userName pr",
        'meta.lastModified gt "2026-05-13T04:42:33Z"',
        'meta.lastModified ge "2026-05-13T06:42:34+02:00"',
        'meta.lastModified lt "2026-05-13T04:42:34.000001Z"',
        "active eq true",
        'active eq "True"',
        'emails eq "ada@example.org"',
        'emails.type eq "home"',
        'emails[type eq "work" and value co "@example.com"]',
        'emails[type eq "work"].value eq "bjensen@example.com"',
        'userType eq "Employee" and (emails co "example.com" or emails.value co "example.net")',
        'userType ne "Employee" or not (emails co "example.net")',
        'userName eq "x" or userName eq "bjensen" and active eq true',
        '(userName eq "x" or userName eq "bjensen") and active eq true',
        'userName eq "bjensen\\u0000" or active eq true',
        'externalId eq "W-1"',
    ],
)
def test_a_filter_selects(text: str) -> None:
    """Names and most values know no case; `and` binds stronger than `or`; moments are compared as moments."""
    assert matches(parse(text), in_resource(ADA, USER))


@pytest.mark.parametrize(
    "text",
    [
        'externalId eq "w-1"',
        'id ne "u1"',
        "title pr",
        "active eq false",
        'emails[type eq "work" and value co "@example.org"]',
        'emails[type eq "home"].value eq "bjensen@example.com"',
        '(userName eq "x" or userName eq "bjensen") and active eq false',
        "userName eq 5",
        'nickName gt "a"',
        "userName eq null",
    ],
)
def test_a_filter_leaves_out(text: str) -> None:
    """One element has to hold all that its brackets say; ids know case; what is absent is not greater than anything."""
    assert not matches(parse(text), in_resource(ADA, USER))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "userName",
        "userName eq",
        "userName eq ada",
        'userName is "ada"',
        'userName eq "ada',
        'userName eq "ada" and',
        '(userName eq "ada"',
        'userName eq "ada")',
        'not userName eq "ada"',
        'emails[type eq "work"',
        '"userName" eq "ada"',
        'shoeSize eq "44"',
        'emails[shoeSize eq "44"]',
        'password eq "secret"',
        "active gt true",
        'name eq "Ada"',
        'meta.lastModified gt "yesterday"',
        "(" * 60 + "userName pr" + ")" * 60,
    ],
)
def test_what_is_no_filter_is_refused(text: str) -> None:
    """With 400 and invalidFilter, whatever is wrong with it."""
    with pytest.raises(RefusalError) as refused:
        matches(parse(text), in_resource(ADA, USER))
    assert (400, "invalidFilter") == (refused.value.status, refused.value.scim_type)
