"""Deliveries that the vendor did not make, made long ago, made for somebody else, or that say strange things."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from attacking import Answer, Attacker
from hostile_case import Case, Send, Watch

GROUP = "vendor hooks"
MEBIBYTE = 1024 * 1024
UNSIGNED = "invalid_signature"
MINUTES = 60

_Header = Callable[[Attacker, bytes], str | None]


def _event(**about: Any) -> bytes:
    """An event about a record, as the vendor writes it."""
    told = {"object": "invoice", "id": "in_hostile", **about}
    return json.dumps(
        {"id": "evt_hostile", "object": "event", "type": "invoice.paid", "data": {"object": told}}
    ).encode()


EVENT = _event()


async def _observed(it: Attacker) -> object:
    events = it.rows("select count(*) from events.log where source like %s", "%billing%")
    return events, it.rows("select count(*) from system_billing.observed")


UNSEEN = Watch(what="billing has observed nothing and told of nothing", look=_observed)


def _delivery(header: _Header, body: bytes = EVENT, connection: str = "stripe-de") -> Send:
    async def send(it: Attacker) -> Answer:
        return await it.hook(body, header(it, body), connection)

    return send


def _signed(age_s: int = 0, country: str = "DE", secret: str | None = None) -> _Header:
    return lambda it, body: it.signature(body, age_s=age_s, country=country, secret=secret)


def _said(change: Callable[[str, str], str]) -> _Header:
    """A sound signature, told in another way: given its moment and its digest."""

    def header(it: Attacker, body: bytes) -> str:
        stamp, _, digest = it.signature(body).removeprefix("t=").partition(",v1=")
        return change(stamp, digest)

    return header


async def _altered(it: Attacker) -> Answer:
    return await it.hook(_event(id="in_other"), it.signature(EVENT))


async def _altered_by_a_space(it: Attacker) -> Answer:
    return await it.hook(EVENT + b" ", it.signature(EVENT))


async def _replayed(it: Attacker) -> Answer:
    """Deliveries come more than once by right: the record is read again, and nothing comes of it twice."""
    header = it.signature(EVENT)
    assert 204 == (await it.hook(EVENT, header)).status
    return await it.hook(EVENT, header)


async def _two_signatures(it: Attacker) -> Answer:
    headers = [("Stripe-Signature", it.signature(EVENT)), ("Stripe-Signature", "t=1,v1=00")]
    return await it.ask("POST", f"{it.edge}/hooks/stripe-de", content=EVENT, headers=headers)


def _leads_nowhere(native_id: str) -> Send:
    """A signed event about a record with such an id: the vendor is asked for nothing else than records by their ids."""

    async def send(it: Attacker) -> Answer:
        before = await it.vendor_asked("stripe")
        body = _event(id=native_id)
        answer = await it.hook(body, it.signature(body))
        asked = (await it.vendor_asked("stripe")).keys() - before.keys()
        assert not [address for address in asked if address.rpartition("/")[0] != "GET /v1/invoices"]
        return answer

    return send


def _case(name: str, sent: str, status: int, code: str, send: Send, *, traced: bool = True) -> Case:
    return Case(name=name, group=GROUP, sent=sent, status=status, code=code, send=send, traced=traced, unchanged=UNSEEN)


def _refused(name: str, sent: str, send: Send) -> Case:
    return _case(name, sent, 401, UNSIGNED, send)


CASES = (
    _refused("no-signature", "a delivery without a signature", _delivery(lambda *_: None)),
    _refused("empty-signature", "an empty signature", _delivery(lambda *_: "")),
    _refused("garbage-signature", "a signature of garbage", _delivery(lambda *_: "t=x,v1=y")),
    _refused("other-secret", "a signature under a guessed secret", _delivery(_signed(secret="whsec_guessed"))),
    _refused("empty-secret", "a signature under no secret", _delivery(_signed(secret=""))),
    _refused(
        "signed-for-another-connection",
        "a signature of another of the firm's accounts",
        _delivery(_signed(country="US")),
    ),
    _refused(
        "sound-delivery-at-another-hook",
        "a sound delivery at another connection's hook",
        _delivery(_signed(), connection="stripe-us"),
    ),
    _refused("body-altered", "a sound signature over another body", _altered),
    _refused("space-added", "a space behind the signed body", _altered_by_a_space),
    _refused("old", "a sound signature that is six minutes old", _delivery(_signed(age_s=6 * MINUTES))),
    _refused("from-the-future", "a sound signature that is six minutes ahead", _delivery(_signed(age_s=-6 * MINUTES))),
    _refused("far-future", "a sound signature of the year 5000", _delivery(_signed(age_s=-94_000_000_000))),
    _refused(
        "moment-changed",
        "an old signature under a new moment",
        _delivery(
            lambda it, body: (
                it.signature(body).partition(",")[0] + "," + it.signature(body, age_s=9 * MINUTES).partition(",")[2]
            )
        ),
    ),
    _refused(
        "two-moments",
        "two moments in one signature",
        _delivery(_said(lambda stamp, digest: f"t={stamp},t=1,v1={digest}")),
    ),
    _refused("no-moment", "a signature without a moment", _delivery(_said(lambda _, digest: f"v1={digest}"))),
    _refused(
        "endless-moment", "a moment of 4,000 digits", _delivery(_said(lambda _, digest: f"t={'9' * 4000},v1={digest}"))
    ),
    _refused(
        "old-scheme",
        "a sound digest in the scheme for tests, `v0`",
        _delivery(_said(lambda stamp, digest: f"t={stamp},v0={digest}")),
    ),
    _refused(
        "digest-cut",
        "a digest cut to its first half",
        _delivery(_said(lambda stamp, digest: f"t={stamp},v1={digest[:32]}")),
    ),
    _refused(
        "digest-in-capitals",
        "a digest in capitals",
        _delivery(_said(lambda stamp, digest: f"t={stamp},v1={digest.upper()}")),
    ),
    _refused("many-digests", "300 wrong digests", _delivery(_said(lambda stamp, _: f"t={stamp}" + ",v1=00" * 300))),
    _case(
        "unknown-hook",
        "a hook of a connection that nobody has",
        404,
        "not_found",
        _delivery(_signed(), connection="stripe-fr"),
    ),
    _case(
        "large-delivery",
        "a signed delivery of more than a mebibyte",
        413,
        "too_large",
        _delivery(_signed(), b" " * (MEBIBYTE + 1)),
    ),
    _case("replayed", "a sound delivery twice: taken, and nothing comes of it", 204, "", _replayed),
    _refused("two-signature-headers", "a sound and a wrong signature in two headers", _two_signatures),
    _case(
        "signed-garbage", "a signed body that is not JSON", 400, "malformed_request", _delivery(_signed(), b"<event/>")
    ),
    _case("signed-depth", "100,000 signed brackets", 400, "malformed_request", _delivery(_signed(), b"[" * 100_000)),
    _case(
        "signed-utf-16",
        "a signed body in UTF-16",
        400,
        "malformed_request",
        _delivery(_signed(), EVENT.decode().encode("utf-16")),
    ),
    _case(
        "signed-list",
        "a signed event whose object is a list",
        400,
        "malformed_request",
        _delivery(_signed(), b'{"type": "invoice.paid", "data": {"object": []}}'),
    ),
    _case(
        "signed-number-for-an-id",
        "a signed event whose id is a number",
        400,
        "malformed_request",
        _delivery(_signed(), _event(id=1)),
    ),
    _case(
        "signed-unknown-type",
        "a signed event of a kind that nobody knows: passed over",
        204,
        "",
        _delivery(_signed(), b'{"type": "x.y", "data": {"object": {"object": "x"}}}'),
    ),
    *(
        _case(f"signed-id-{name}", f"a signed event about {sent}: passed over", 204, "", _leads_nowhere(native_id))
        for name, sent, native_id in (
            ("leads-elsewhere", "`../customers`", "../customers"),
            ("with-a-query", "`x?expand[]=customer`", "x?expand[]=customer"),
            ("with-nul", "an id with NUL", "in_\0"),
            ("empty", "an empty id", ""),
            ("of-dots", "`..`", ".."),
            ("long", "an id of 5,000 characters", "x" * 5000),
        )
    ),
)
