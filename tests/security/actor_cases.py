"""Names that the caller has no right to, decisions that are not the caller's, and scopes that it lacks."""

from __future__ import annotations

from attacking import Answer, Attacker
from hostile_case import Case, Send, Watch

from demo.authorities import CFO, DIRECTOR

GROUP = "forged actors"
ONBOARDINGS, APPROVALS = "project-onboarding/v1/onboardings", "operations/v1/approvals"
PARTNER, OTHER_PARTNER = "pia@partner.example", "otto@other-partner.example"
MAY_ACT = "actor.assert"
DECIDING = ("operations.approvals.decide", "operations.approvals.read")
NOUGHT = "00000000000000000000000000000000"


async def _decisions(it: Attacker) -> object:
    decided = "select id, status, decided_by from process.approval where status <> 'pending' order by id"
    return it.rows(decided), it.traces()


async def _runs(it: Attacker) -> object:
    return it.rows("select count(*) from process.run"), it.traces()


UNDECIDED = Watch(what="no more is decided than before", look=_decisions)
NO_RUN = Watch(what="no run is started", look=_runs)


def _starting(actor: str | bytes, *, may_act: bool = False, **named: str) -> Send:
    """An onboarding asked for in somebody's name."""

    async def send(it: Attacker) -> Answer:
        scopes = ("project-onboarding.onboardings.write", *([MAY_ACT] if may_act else []))
        headers = {"Authorization": f"Bearer {it.forge.token('process', scopes=scopes)}", "Syncline-Actor": actor}
        return await it.command(ONBOARDINGS, {"opportunity_id": f"opp_{NOUGHT}"}, headers={**headers, **named})

    return send


def _reading(layer: str, service: str, path: str) -> Send:
    """A question from the side, in somebody's name."""

    async def send(it: Attacker) -> Answer:
        headers = {"Authorization": f"Bearer {it.forge.token(layer)}", "Syncline-Actor": DIRECTOR}
        return await it.ask("GET", f"{it.service(service)}/{path}", headers=headers)

    return send


async def _two_actors(it: Attacker) -> Answer:
    token = it.forge.token("process", scopes=("operations.approvals.read", MAY_ACT))
    named = [("Syncline-Actor", PARTNER), ("Syncline-Actor", DIRECTOR)]
    headers = [("Authorization", f"Bearer {token}"), *named]
    return await it.ask("GET", f"{it.edge}/process/{APPROVALS}", headers=headers)


def _deciding(
    actor: str | None, *, asked_by: str = PARTNER, barred: str = CFO, scopes: tuple[str, ...] = DECIDING
) -> Send:
    """An agreement to what waits for a delivery director."""

    async def send(it: Attacker) -> Answer:
        approval = it.approval(asked_by, barred)
        granted = scopes if actor is None else (*scopes, MAY_ACT)
        headers = {"Authorization": f"Bearer {it.forge.token('process', scopes=granted)}"}
        if actor is not None:
            headers["Syncline-Actor"] = actor
        body = {"decision": "approve", "reason": "it is only a small amount"}
        return await it.command(f"{APPROVALS}/{approval}/decisions", body, headers=headers)

    return send


def _named(name: str, sent: str, send: Send, *, status: int = 403, code: str = "actor_not_allowed") -> Case:
    return Case(name=name, group=GROUP, sent=sent, status=status, code=code, send=send, unchanged=NO_RUN)


def _decided(name: str, sent: str, code: str, send: Send) -> Case:
    return Case(name=name, group=GROUP, sent=sent, status=403, code=code, send=send, unchanged=UNDECIDED)


CASES = (
    _named("actor-without-the-scope", "`Syncline-Actor` from a client that may not name one", _starting(PARTNER)),
    _named("other-partner", "another partner's name from a partner's client", _starting(OTHER_PARTNER)),
    _named("actor-called-syncline", "the name under which Syncline itself acts", _starting("syncline")),
    _named(
        "actor-at-the-experience-layer",
        "the director's name to the experience API",
        _reading("experience", "experience", "v1/overview"),
    ),
    _named(
        "actor-at-the-system-layer",
        "the director's name to a system API",
        _reading("system", "system-crm", "v1/opportunities?connection=salesforce"),
    ),
    _named("two-actors", "two names at once", _two_actors, status=400, code="repeated_header"),
    *(
        _named(name, sent, _starting(actor, may_act=True), status=400, code="invalid_parameter")
        for name, sent, actor in (
            ("empty-actor", "an empty name", ""),
            ("long-actor", "a name of 201 characters", "p" * 201),
            ("actor-in-other-letters", "a name in look-alike letters", "d\u0430na".encode()),
        )
    ),
    _decided(
        "own-request", "agreement to what one asked for oneself", "own_request", _deciding(DIRECTOR, asked_by=DIRECTOR)
    ),
    _decided("own-work", "agreement by somebody who worked on it", "own_work", _deciding(DIRECTOR, barred=DIRECTOR)),
    _decided("no-authority", "agreement by a partner", "beyond_authority", _deciding(OTHER_PARTNER)),
    _decided(
        "other-role", "agreement by a person with another role", "beyond_authority", _deciding(PARTNER, asked_by=CFO)
    ),
    _decided("machine", "agreement by a client in its own name", "beyond_authority", _deciding(None)),
    _decided(
        "director-in-capitals", "the director's name in capitals", "beyond_authority", _deciding(DIRECTOR.upper())
    ),
    _decided(
        "director-of-a-longer-name",
        "the director's name with a tail",
        "beyond_authority",
        _deciding(f"{DIRECTOR}.evil.example"),
    ),
    _decided(
        "no-scope-to-decide",
        "the director's agreement through a client that may only read",
        "insufficient_scope",
        _deciding(DIRECTOR, scopes=("operations.approvals.read",)),
    ),
)
