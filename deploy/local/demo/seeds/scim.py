"""The demo firm as its identity provider holds it on the morning of the day: accounts, and a group for each entity.

Kinds and fields: system_apis/identity/scim/sandbox. Ids are deterministic: a second seeding changes nothing.
"""

from datetime import date, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from demo.firm import Colleague, Firm

CORE = "urn:ietf:params:scim:schemas:core:2.0"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
# Made before HR's numbers were brought in: these three are known by e-mail and name only.
WITHOUT_NUMBER = ("W1003", "W1018", "W1030")
# The office in London came with a directory of its own, in which HR's number is the external id.
NUMBER_AS_EXTERNAL_ID = "GB01"

Rows = dict[str, list[dict[str, Any]]]


def records(firm: Firm) -> Rows:
    """What `POST /_sandbox/records/{kind}` takes, by kind."""
    people = [colleague for colleague in firm.colleagues if colleague.in_identity]
    entities = {colleague.entity: None for colleague in people}
    return {
        "users": [*(_user(firm, colleague) for colleague in people), *_former(firm)],
        "groups": [_group(firm, entity, people) for entity in entities],
    }


def account_id(key: str) -> str:
    """The id of a worker's account, or of another key's."""
    return str(uuid5(NAMESPACE_URL, f"identity:{key}"))


def _user(firm: Firm, colleague: Colleague) -> dict[str, Any]:
    name = {
        "givenName": colleague.first_name,
        "familyName": colleague.last_name,
        "formatted": f"{colleague.first_name} {colleague.last_name}",
    }
    body = {
        "userName": colleague.email,
        "name": name,
        "displayName": name["formatted"],
        "title": colleague.job_profile,
        "userType": "Contractor" if colleague.kind == "contractor" else "Employee",
        "active": True,
        "emails": [{"value": colleague.email, "type": "work", "primary": True}],
        ENTERPRISE: _employment(firm, colleague),
    }
    if colleague.number not in WITHOUT_NUMBER and colleague.entity == NUMBER_AS_EXTERNAL_ID:
        body["externalId"] = colleague.number
    # Two start next month; their accounts are ready.
    made = min(colleague.hire_date, firm.today - timedelta(days=7))
    return _row(account_id(colleague.number), made, [f"{CORE}:User", ENTERPRISE], body)


def _employment(firm: Firm, colleague: Colleague) -> dict[str, Any]:
    entity = firm.entity(colleague.entity)
    found: dict[str, Any] = {"organization": entity.name, "costCenter": colleague.cost_centre}
    if colleague.number not in WITHOUT_NUMBER and colleague.entity != NUMBER_AS_EXTERNAL_ID:
        found["employeeNumber"] = colleague.number
    managers = (one for one in firm.colleagues if one.number == colleague.manager_number and one.in_identity)
    manager = next(managers, None)
    return found if manager is None else {**found, "manager": {"value": account_id(manager.number)}}


def _former(firm: Firm) -> list[dict[str, Any]]:
    """Two who left before the day: their accounts are kept, deactivated."""
    left = firm.today - timedelta(days=90)
    rows = []
    for first, last, number in (("Otto", "Grau", "W0907"), ("Petra", "Falk", None)):
        email = f"{first}.{last}@{firm.domain}".lower()
        body: dict[str, Any] = {
            "userName": email,
            "name": {"givenName": first, "familyName": last},
            "displayName": f"{first} {last}",
            "active": False,
            "emails": [{"value": email, "type": "work", "primary": True}],
        }
        if number is not None:
            body[ENTERPRISE] = {"employeeNumber": number}
        schemas = [f"{CORE}:User", *([ENTERPRISE] if number else [])]
        rows.append(_row(account_id(email), left, schemas, body))
    return rows


def _group(firm: Firm, entity: str, people: list[Colleague]) -> dict[str, Any]:
    members = [{"value": account_id(one.number), "type": "User"} for one in people if one.entity == entity]
    body = {"displayName": f"Everyone in {entity}", "members": members}
    return _row(account_id(f"group:{entity}"), firm.today - timedelta(days=365), [f"{CORE}:Group"], body)


def _row(record_id: str, made: date, schemas: list[str], body: dict[str, Any]) -> dict[str, Any]:
    moment = f"{made}T08:00:00.000000Z"
    meta = {"created": moment, "lastModified": moment}
    return {"id": record_id, "body": {"schemas": schemas, "id": record_id, **body, "meta": meta}}
