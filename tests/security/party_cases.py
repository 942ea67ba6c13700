"""Other parties' ids, keys and cursors, and fields that are not the caller's to set."""

from __future__ import annotations

import secrets
from typing import Any

from actor_cases import APPROVALS, DECIDING, MAY_ACT, NO_RUN, NOUGHT, ONBOARDINGS, OTHER_PARTNER, PARTNER, UNDECIDED
from attacking import Answer, Attacker
from hostile_case import Case, Send, Watch

IDS, FIELDS = "other parties' ids and keys", "mass assignment"
EXCEPTIONS = "operations/v1/exceptions"
WRITING = ("project-onboarding.onboardings.write", MAY_ACT)


async def _deals(it: Attacker) -> object:
    return it.rows("select count(*) from process.run")


SAME_RUNS = Watch(what="no second run is started", look=_deals)


def _reading(layer: str, path: str) -> Send:
    async def send(it: Attacker) -> Answer:
        return await (it.process if layer == "process" else it.experience)("GET", path)

    return send


def _won(it: Attacker) -> dict[str, str]:
    """A deal that has its run: asking for it again gives that run."""
    [(deal,)] = it.rows("select business_key from process.run where state = 'activated' order by run_id limit 1")
    return {"opportunity_id": deal}


async def _start(it: Attacker, key: str, body: dict[str, str], actor: str = PARTNER, **claims: Any) -> Answer:
    token = it.forge.token("process", scopes=WRITING, **claims)
    return await it.command(
        ONBOARDINGS, body, key, headers={"Authorization": f"Bearer {token}", "Syncline-Actor": actor}
    )


async def _key_of_another_client(it: Attacker) -> Answer:
    """The other client's answer is not given again: the command is carried out for this one."""
    key, other = secrets.token_hex(16), f"{it.client_id}-other"
    first = await _start(it, key, _won(it))
    assert 202 == first.status
    answer = await _start(it, key, _won(it), client_id=other, sub=other)
    assert "idempotent-replayed" not in answer.headers
    return answer


async def _own_key_again(it: Attacker) -> Answer:
    key = secrets.token_hex(16)
    first = await _start(it, key, _won(it))
    answer = await _start(it, key, _won(it))
    assert (first.body, "true") == (answer.body, answer.headers["idempotent-replayed"])
    return answer


async def _key_for_another_body(it: Attacker) -> Answer:
    key = secrets.token_hex(16)
    assert 202 == (await _start(it, key, _won(it))).status
    return await _start(it, key, {"opportunity_id": f"opp_{NOUGHT}"})


async def _key_of_another_person(it: Attacker) -> Answer:
    key = secrets.token_hex(16)
    assert 202 == (await _start(it, key, _won(it))).status
    return await _start(it, key, _won(it), actor=OTHER_PARTNER)


def _with_key(*keys: str) -> Send:
    async def send(it: Attacker) -> Answer:
        named = [("Idempotency-Key", key) for key in keys]
        headers = [("Authorization", f"Bearer {it.forge.token('process')}"), *named]
        return await it.ask(
            "POST", f"{it.edge}/process/{ONBOARDINGS}", headers=headers, json={"opportunity_id": f"opp_{NOUGHT}"}
        )

    return send


async def _cursor_of_another_listing(it: Attacker) -> Answer:
    found = await it.process("GET", f"{EXCEPTIONS}?limit=1")
    return await it.process("GET", f"{APPROVALS}?cursor={found.json()['next']}")


async def _cursor_with_other_filters(it: Attacker) -> Answer:
    found = await it.process("GET", f"{EXCEPTIONS}?limit=1")
    return await it.process("GET", f"{EXCEPTIONS}?limit=1&open_only=true&cursor={found.json()['next']}")


async def _changed_cursor(it: Attacker) -> Answer:
    cursor = (await it.process("GET", f"{EXCEPTIONS}?limit=1")).json()["next"]
    changed = ("B" if cursor[0] == "A" else "A") + cursor[1:]
    return await it.process("GET", f"{EXCEPTIONS}?cursor={changed}")


def _id(name: str, sent: str, layer: str, path: str, *, status: int = 404, code: str = "not_found") -> Case:
    return Case(name=name, group=IDS, sent=sent, status=status, code=code, send=_reading(layer, path))


def _key(name: str, sent: str, status: int, code: str, send: Send, unchanged: Watch = SAME_RUNS) -> Case:
    return Case(name=name, group=IDS, sent=sent, status=status, code=code, send=send, unchanged=unchanged)


def _body(path: str, method: str, body: dict[str, Any]) -> Send:
    async def send(it: Attacker) -> Answer:
        return await it.process(method, path, json=body, headers={"Idempotency-Key": secrets.token_hex(16)})

    return send


async def _decided_by(it: Attacker) -> Answer:
    """The decision in a field that only Syncline writes."""
    body = {"decision": "approve", "reason": "it has been decided", "decided_by": "dana", "status": "approved"}
    headers = {"Authorization": f"Bearer {it.forge.token('process', scopes=DECIDING)}"}
    return await it.command(f"{APPROVALS}/{it.approval(PARTNER, PARTNER)}/decisions", body, headers=headers)


def _at(capability: str, path: str, body: dict[str, Any]) -> Send:
    async def send(it: Attacker) -> Answer:
        return await it.platform(
            capability, "POST", path, json=body, headers={"Idempotency-Key": secrets.token_hex(16)}
        )

    return send


def _field(name: str, sent: str, send: Send, pointer: str = "", unchanged: Watch = NO_RUN) -> Case:
    return Case(
        name=name, group=FIELDS, sent=sent, status=422, code="invalid", send=send, pointer=pointer, unchanged=unchanged
    )


DEAL = {"opportunity_id": f"opp_{NOUGHT}"}
ACCOUNT = {"customer_id": f"cus_{NOUGHT}", "legal_entity_code": "DE01", "currency": "EUR"}
ACCOUNT |= {"name": "Hostile", "email": "hostile@example.com", "country": "DE"}
BINDING = {"connection": "salesforce", "from_date": "2026-01-01", "mode": "off", "reason": "it is in our way"}

CASES = (
    _id("run-of-nobody", "a well-formed id that nobody has", "process", f"{ONBOARDINGS}/onb_{NOUGHT}"),
    _id("id-of-another-kind", "a project's id for a run's", "process", f"{ONBOARDINGS}/prj_{NOUGHT}"),
    _id("id-with-a-semicolon", "an id with path parameters", "process", f"{ONBOARDINGS}/onb_{NOUGHT};x=1"),
    _id("id-with-a-line-feed", "an id with a line feed behind", "process", f"{ONBOARDINGS}/onb_{NOUGHT}%0A"),
    _id("long-id", "an id of 3,000 characters", "process", f"{ONBOARDINGS}/{'x' * 3000}"),
    _id("page-of-nobody", "the page of a project that nobody has", "experience", f"v1/projects/prj_{NOUGHT}"),
    _id("invoice-of-nobody", "the page of an invoice that nobody has", "experience", f"v1/invoices/rel_{NOUGHT}"),
    _id(
        "unknown-parameter",
        "a filter that does not exist: `client_id=other`",
        "process",
        f"{EXCEPTIONS}?client_id=other",
        status=400,
        code="unknown_parameter",
    ),
    _id(
        "repeated-parameter",
        "the same filter twice",
        "process",
        f"{EXCEPTIONS}?limit=5&limit=200",
        status=400,
        code="repeated_parameter",
    ),
    _id(
        "made-up-cursor",
        "a cursor of one's own making",
        "process",
        f"{EXCEPTIONS}?cursor=eyJhZnRlciI6MH0",
        status=400,
        code="invalid_cursor",
    ),
    _id(
        "long-cursor",
        "a cursor of 5,000 characters",
        "process",
        f"{EXCEPTIONS}?cursor={'A' * 5000}",
        status=400,
        code="invalid_cursor",
    ),
    _key("changed-cursor", "a cursor with one character changed", 400, "invalid_cursor", _changed_cursor),
    _key("cursor-of-another-listing", "a cursor of another listing", 400, "invalid_cursor", _cursor_of_another_listing),
    _key(
        "cursor-with-other-filters",
        "a cursor with other filters than its own",
        400,
        "invalid_cursor",
        _cursor_with_other_filters,
    ),
    _key(
        "key-of-another-client",
        "another client's idempotency key: carried out for this one, not its answer",
        202,
        "",
        _key_of_another_client,
    ),
    _key("own-key-again", "one's own key again: the first answer, nothing done", 202, "", _own_key_again),
    _key(
        "key-for-another-body", "the same key with another body", 422, "idempotency_key_reused", _key_for_another_body
    ),
    _key(
        "key-of-another-person",
        "another person's key at the same client",
        422,
        "idempotency_key_reused",
        _key_of_another_person,
    ),
    _key("no-key", "a command without a key", 400, "invalid_parameter", _with_key(), NO_RUN),
    _key("short-key", "a key of three characters", 400, "invalid_parameter", _with_key("abc"), NO_RUN),
    _key("long-key", "a key of 10,000 characters", 400, "invalid_parameter", _with_key("k" * 10_000), NO_RUN),
    _key(
        "key-of-sql",
        "a key of `'; drop table run; --`",
        400,
        "invalid_parameter",
        _with_key("'; drop table run; --"),
        NO_RUN,
    ),
    _key("two-keys", "two keys at once", 400, "repeated_header", _with_key("hostile-key-1", "hostile-key-2"), NO_RUN),
    _field(
        "run-with-a-state",
        "a new run that is `activated` already",
        _body(ONBOARDINGS, "POST", {**DEAL, "state": "activated"}),
        "/state",
    ),
    _field(
        "run-with-an-id",
        "a new run with an id of the caller's",
        _body(ONBOARDINGS, "POST", {**DEAL, "id": f"onb_{NOUGHT}"}),
        "/id",
    ),
    _field(
        "run-with-an-actor",
        "a new run with its actor in the body",
        _body(ONBOARDINGS, "POST", {**DEAL, "actor": "dana"}),
        "/actor",
    ),
    _field(
        "prototype",
        "`__proto__` in a body",
        _body(ONBOARDINGS, "POST", {**DEAL, "__proto__": {"admin": True}}),
        "/__proto__",
    ),
    _field(
        "object-for-an-id",
        "an object where an id belongs",
        _body(ONBOARDINGS, "POST", {"opportunity_id": {"$ne": ""}}),
        "/opportunity_id",
    ),
    _field(
        "list-for-an-id",
        "a list where an id belongs",
        _body(ONBOARDINGS, "POST", {"opportunity_id": [DEAL["opportunity_id"]]}),
        "/opportunity_id",
    ),
    _field("decided-by", "a decision that says who decided, and what came of it", _decided_by, unchanged=UNDECIDED),
    _field(
        "binding-with-a-moment",
        "a binding with its own `updated_at`",
        _body("operations/v1/bindings/DE01/crm", "PUT", {**BINDING, "updated_at": "2026-01-01T00:00:00Z"}),
        "/updated_at",
    ),
    _field(
        "account-with-an-id",
        "a billing account with an id of the caller's",
        _at("billing", "v1/billing-accounts?connection=stripe-de", {**ACCOUNT, "id": f"bac_{NOUGHT}"}),
        "/id",
    ),
    _field(
        "account-with-outer-ids",
        "a billing account with the vendor's ids",
        _at("billing", "v1/billing-accounts?connection=stripe-de", {**ACCOUNT, "external_ids": []}),
        "/external_ids",
    ),
    Case(
        name="account-of-another-entity",
        group=FIELDS,
        sent="an account at a connection of another legal entity",
        status=422,
        code="other_legal_entity",
        send=_at("billing", "v1/billing-accounts?connection=stripe-us", ACCOUNT),
    ),
)
