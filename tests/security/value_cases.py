"""Numbers, money, dates and moments at and beyond their edges, in bodies and in queries."""

from __future__ import annotations

import json
import secrets

from attacking import Answer, Attacker
from hostile_case import Case, Send, Watch

GROUP = "numbers and dates"
NOUGHT = "00000000000000000000000000000000"
OPERATIONS = "operations/v1"
PROJECT = {
    "number": "HOSTILE-1",
    "name": "A hostile project",
    "opportunity_id": f"opp_{NOUGHT}",
    "contract_id": f"ctr_{NOUGHT}",
    "contract_number": "C-HOSTILE",
    "customer_id": f"cus_{NOUGHT}",
    "customer_name": "Hostile",
    "legal_entity_code": "DE01",
    "currency": "EUR",
    "start_date": "2026-01-01",
    "end_date": "2026-02-01",
    "budget": {"amount": "1.00", "currency": "EUR"},
}


async def _projects(it: Attacker) -> object:
    asked = await it.vendor_asked("kantata")
    return {address: count for address, count in asked.items() if address.startswith("POST") and "workspace" in address}


NO_PROJECT = Watch(what="the PSA is asked for no project", look=_projects)


def _project(old: str, new: str) -> Send:
    """A new project at the PSA, a piece of its JSON replaced."""

    async def send(it: Attacker) -> Answer:
        text = json.dumps(PROJECT)
        assert text.count(old) == 1
        headers = {"Idempotency-Key": secrets.token_hex(16), "Content-Type": "application/json"}
        content = text.replace(old, new).encode()
        return await it.platform("psa", "POST", "v1/projects?connection=kantata", content=content, headers=headers)

    return send


def _amount(name: str, sent: str, literal: str, *, pointer: str = "/budget/amount") -> Case:
    """`pointer` is empty where the number is not even JSON."""
    status, code = (422, "invalid") if pointer else (400, "malformed_json")
    return Case(
        name=f"amount-{name}",
        group=GROUP,
        sent=f"an amount of {sent}",
        status=status,
        code=code,
        pointer=pointer,
        send=_project('"1.00"', literal),
        unchanged=NO_PROJECT,
    )


def _start(name: str, sent: str, literal: str) -> Case:
    return Case(
        name=f"date-{name}",
        group=GROUP,
        sent=f"a start date of {sent}",
        status=422,
        code="invalid",
        pointer="/start_date",
        send=_project('"2026-01-01"', literal),
        unchanged=NO_PROJECT,
    )


def _asking(layer: str, path: str) -> Send:
    """A question to the process layer at the edge, or to a system API."""

    async def send(it: Attacker) -> Answer:
        if layer == "process":
            return await it.process("GET", path)
        if layer == "experience":
            return await it.experience("GET", path)
        return await it.platform(layer, "GET", path)

    return send


def _refused(name: str, sent: str, layer: str, path: str, parameter: str) -> Case:
    return Case(
        name=name,
        group=GROUP,
        sent=sent,
        status=400,
        code="invalid_parameter",
        pointer=f"query:{parameter}",
        send=_asking(layer, path),
    )


def _limit(name: str, literal: str) -> Case:
    return _refused(
        f"limit-{name}", f"`limit={literal}`", "process", f"{OPERATIONS}/exceptions?limit={literal}", "limit"
    )


def _moment(name: str, literal: str) -> Case:
    path = f"project-onboarding/v1/onboarding-statistics?period_to={literal}"
    return _refused(f"moment-{name}", f"`period_to={literal}`", "process", path, "period_to")


def _taken(name: str, sent: str, layer: str, path: str) -> Case:
    """Sound, if far away: an answer like any other."""
    return Case(name=name, group=GROUP, sent=sent, status=200, send=_asking(layer, path))


STATISTICS = "project-onboarding/v1/onboarding-statistics"
OPPORTUNITIES = "v1/opportunities?connection=salesforce&limit=1&updated_after="
ACCOUNTS = "v1/accounts?connection=scim&limit=1&updated_after="
ENTRIES = "v1/time-entries?connection=kantata&limit=1&"
EARLIEST, EARLIEST_EAST = "0001-01-01T00:00:00Z", "0001-01-01T00:00:00%2B14:00"
LATEST, LATEST_WEST = "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00"

CASES = (
    _amount("beyond-doubles", "`1e400`", "1e400", pointer=""),
    _amount("not-a-number", "`NaN`", "NaN", pointer=""),
    _amount("infinite", "`Infinity`", "Infinity", pointer=""),
    _amount("long-number", "5,000 digits as a number", "9" * 5000, pointer=""),
    _amount("number", "`12`, a number", "12"),
    _amount("float", "`0.1`, a number", "0.1"),
    _amount("text-nan", '`"NaN"`', '"NaN"'),
    _amount("text-infinity", '`"-Infinity"`', '"-Infinity"'),
    _amount("exponent", '`"1E2"`', '"1E2"'),
    _amount("too-large", "sixteen digits", f'"{"9" * 16}"'),
    _amount("int64-and-one", '`"9223372036854775808"`', '"9223372036854775808"'),
    _amount("long-text", "100,000 digits as a text", f'"{"9" * 100_000}"'),
    _amount("too-fine", '`"0.00001"`', '"0.00001"'),
    _amount("finer-than-cents", '`"0.001"` euros', '"0.001"', pointer="/budget"),
    _amount("negative-zero", '`"-0.00"`', '"-0.00"', pointer="/budget"),
    _amount("plus", '`"+1"`', '"+1"'),
    _amount("comma", '`"1,000"`', '"1,000"'),
    _amount("underscore", '`"1_000"`', '"1_000"'),
    _amount("hexadecimal", '`"0x10"`', '"0x10"'),
    _amount("digits-of-another-script", "an Arabic digit", '"\\u0661"'),
    _amount("space", '`" 1"`', '" 1"'),
    _amount("line-feed", "a line feed behind", '"1\\n"'),
    _start("of-noughts", "`0000-00-00`", '"0000-00-00"'),
    _start("leap-day-of-a-common-year", "`2026-02-29`", '"2026-02-29"'),
    _start("thirteenth-month", "`2026-13-01`", '"2026-13-01"'),
    _start("of-five-digits", "`+10000-01-01`", '"+10000-01-01"'),
    _start("before-christ", "`-0001-01-01`", '"-0001-01-01"'),
    _start("with-a-time", "`2026-01-01T00:00:00Z`", '"2026-01-01T00:00:00Z"'),
    _start("as-a-number", "`20260101`, a number", "20260101"),
    _limit("of-nothing", "0"),
    _limit("negative", "-1"),
    _limit("beyond-the-page", "201"),
    _limit("int64-and-one", "9223372036854775808"),
    _limit("not-a-number", "NaN"),
    _limit("infinite", "1e400"),
    _limit("in-another-script", "%D9%A5"),
    _moment("of-noughts", "0000-00-00T00:00:00Z"),
    _moment("leap-day-of-a-common-year", "2026-02-29T00:00:00Z"),
    _moment("leap-second", "2016-12-31T23:59:60Z"),
    _moment("hour-25", "2026-01-01T25:00:00Z"),
    _moment("offset-of-a-day", "2026-01-01T00:00:00%2B24:00"),
    _moment("without-a-zone", "2026-01-01T00:00:00"),
    _moment("beyond-doubles", "1e400"),
    _taken(
        "statistics-to-the-first-moment",
        f"statistics until `{EARLIEST}`",
        "process",
        f"{STATISTICS}?period_to={EARLIEST}",
    ),
    _taken(
        "statistics-from-before-the-first",
        "statistics from before it in UTC",
        "process",
        f"{STATISTICS}?period_from={EARLIEST_EAST}",
    ),
    _taken(
        "statistics-to-after-the-last",
        "statistics until after the last moment in UTC",
        "process",
        f"{STATISTICS}?period_to={LATEST_WEST}",
    ),
    _taken(
        "crm-since-the-first-moment",
        "deals changed since the first moment, reaching SOQL",
        "crm",
        OPPORTUNITIES + EARLIEST,
    ),
    _taken("crm-since-before-the-first", "deals changed since before it in UTC", "crm", OPPORTUNITIES + EARLIEST_EAST),
    _taken(
        "crm-since-after-the-last",
        "deals changed since after the last moment in UTC",
        "crm",
        OPPORTUNITIES + LATEST_WEST,
    ),
    _taken(
        "identity-since-before-the-first",
        "accounts changed since before the first moment, reaching SCIM",
        "identity",
        ACCOUNTS + EARLIEST_EAST,
    ),
    _taken(
        "identity-since-after-the-last",
        "accounts changed since after the last moment",
        "identity",
        ACCOUNTS + LATEST_WEST,
    ),
    _taken(
        "psa-since-before-the-first",
        "time changed since before the first moment",
        "psa",
        f"{ENTRIES}updated_after={EARLIEST_EAST}",
    ),
    _taken(
        "work-before-the-first-day", "time worked before the first day", "psa", f"{ENTRIES}work_date_before=0001-01-01"
    ),
    _taken(
        "work-before-the-last-day", "time worked before the last day", "psa", f"{ENTRIES}work_date_before=9999-12-31"
    ),
    _taken(
        "balances-of-the-last-day",
        "balances as of the last day, reaching OData",
        "erp",
        "v1/legal-entities/DE01/account-balances?connection=business-central&as_of_date=9999-12-31",
    ),
    _taken(
        "tie-out-of-the-first-day",
        "a tie-out of the first day",
        "process",
        "revenue-recognition/v1/tie-outs/DE01?period_end=0001-01-01",
    ),
    _taken(
        "tie-out-of-the-last-day",
        "a tie-out of the last day",
        "process",
        "revenue-recognition/v1/tie-outs/DE01?period_end=9999-12-31",
    ),
    _refused(
        "tie-out-of-a-leap-day",
        "a tie-out of 29 February 2026",
        "experience",
        "v1/tie-outs/DE01?period_end=2026-02-29",
        "period_end",
    ),
    _taken(
        "page-of-the-first-day",
        "the tie-out page of the first day",
        "experience",
        "v1/tie-outs/DE01?period_end=0001-01-01",
    ),
)
