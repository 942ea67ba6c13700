"""The sandbox's SOQL: what it reads, what it refuses, and what its conditions mean."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from sandboxkit.app import VendorClock
from sandboxkit.store import Store
from system_apis.crm.salesforce.sandbox.identifiers import full_id, normal_id, record_id
from system_apis.crm.salesforce.sandbox.query import Answerer
from system_apis.crm.salesforce.sandbox.records import Records
from system_apis.crm.salesforce.sandbox.refusals import Refusal
from system_apis.crm.salesforce.sandbox.schema import schema
from system_apis.crm.salesforce.sandbox.soql import Both, Compare, Either, Negated, Order, Path, parse


@pytest.fixture
def records() -> Records:
    records = Records(Store(":memory:"), schema(multi_currency=True), VendorClock())
    rows: list[dict[str, Any]] = [
        {"Name": "Alpha", "AccountNumber": "1", "SystemModstamp": "2026-11-01T08:00:00.000+0000"},
        {"Name": "beta", "AccountNumber": None, "SystemModstamp": "2026-11-01T08:00:00.000+0000"},
        {"Name": "50% off_now", "AccountNumber": "3", "SystemModstamp": "2026-11-02T08:00:00.000+0000"},
        {"Name": "Gone", "IsDeleted": True, "SystemModstamp": "2026-11-03T08:00:00.000+0000"},
    ]
    for number, row in enumerate(rows, 1):
        row_id = record_id("001", number)
        records.store.put("Account", row_id, {"Id": row_id} | row)
    return records


def names(records: Records, condition: str) -> list[str]:
    query = parse(f"SELECT Name FROM Account WHERE {condition} ORDER BY Id")
    return [row["Name"] for row in Answerer(records, "67.0").rows(query)]


def test_a_query_is_read_whole() -> None:
    """Columns, parents, children, conditions, order and limit are all understood, whatever their case."""
    query = parse(
        "select Id, Account.Name, (SELECT Id FROM OpportunityLineItems LIMIT 2) from Opportunity "
        "where (Amount >= 10.5 and IsWon = true) or not Name in ('a', 'b\\'c') "
        "order by SystemModstamp desc nulls last, Id limit 5 offset 1"
    )
    assert [field.parts for field in query.fields if isinstance(field, Path)] == [("Id",), ("Account", "Name")]
    assert isinstance(query.where, Either)
    both, negated = query.where.parts
    assert isinstance(both, Both)
    assert isinstance(negated, Negated)
    assert isinstance(both.parts[0], Compare)
    assert (both.parts[0].operator, both.parts[0].value) == (">=", Decimal("10.5"))
    assert isinstance(negated.part, Compare)
    assert (negated.part.operator, negated.part.value) == ("IN", ("a", "b'c"))
    assert query.order == (Order(query.order[0].path, descending=True, nulls_last=True), Order(query.order[1].path))
    assert (query.limit, query.offset) == (5, 1)


def test_moments_are_read_with_their_offset() -> None:
    """A moment's literal is unquoted; its offset counts."""
    query = parse("SELECT Id FROM Account WHERE SystemModstamp > 2026-11-01T09:00:00+01:00")
    assert isinstance(query.where, Compare)
    assert query.where.value == datetime(2026, 11, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SELECT FROM Account",
        "SELECT Id FROM Account WHERE",
        "SELECT Id FROM Account WHERE Name",
        "SELECT Id FROM Account WHERE Name = 'open",
        "SELECT Id FROM Account WHERE Name = 'a' OR Name = 'b' AND Name = 'c'",
        "SELECT Id FROM Account LIMIT 1.5",
        "SELECT Id FROM Account; DELETE",
        "SELECT Id FROM Account WHERE Name = 2026-13-45",
    ],
)
def test_what_cannot_be_read_is_malformed(text: str) -> None:
    """A broken query is refused, not half understood; AND and OR are not mixed without parentheses."""
    with pytest.raises(Refusal) as refused:
        parse(text)
    assert (refused.value.status, refused.value.code) == (400, "MALFORMED_QUERY")


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("Name = 'ALPHA'", ["Alpha"]),
        ("Name LIKE 'a%'", ["Alpha"]),
        ("Name LIKE '50\\% off%'", []),
        ("Name LIKE '50% off_now'", ["50% off_now"]),
        ("AccountNumber = null", ["beta"]),
        ("AccountNumber != null", ["Alpha", "50% off_now"]),
        ("AccountNumber != '1'", ["beta", "50% off_now"]),
        ("AccountNumber > '1'", ["50% off_now"]),
        ("AccountNumber NOT IN ('1', '3')", ["beta"]),
        ("NOT (Name = 'Alpha' OR Name = 'beta')", ["50% off_now"]),
        ("SystemModstamp = 2026-11-01T08:00:00Z AND Id > '001SL0000000001'", ["beta"]),
        (f"Id = '{record_id('001', 2)[:15]}'", ["beta"]),
    ],
)
def test_conditions_mean_what_salesforce_means(records: Records, condition: str, expected: list[str]) -> None:
    """Text ignores case, null is a value, ids compare in order and in both lengths, deleted rows are not seen."""
    assert names(records, condition) == expected


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        ("Name = 5", "INVALID_FIELD"),
        ("SystemModstamp = 2026-11-01", "INVALID_FIELD"),
        ("Parent.Colour = 'red'", "INVALID_FIELD"),
        ("Boss.Name = 'red'", "INVALID_FIELD"),
        ("ParentId = 'nobody'", "INVALID_QUERY_FILTER_OPERATOR"),
    ],
)
def test_conditions_of_the_wrong_type_are_refused(records: Records, condition: str, code: str) -> None:
    """A literal fits its field, and every name is known, even where no row would be looked at."""
    with pytest.raises(Refusal) as refused:
        names(records, f"Name = 'nobody has this' AND {condition}")
    assert refused.value.code == code


def test_ids_have_a_checksum_of_their_capitals() -> None:
    """The last three characters tell where the capitals are: two ids as Salesforce gave them out."""
    assert full_id("001RM00000AbCdE") == "001RM00000AbCdEYAV"
    assert full_id("006RM000003XyzA") == "006RM000003XyzAYAS"
    assert normal_id("001SL0000000001") == record_id("001", 1)
    assert normal_id("001 or 1=1") is None
