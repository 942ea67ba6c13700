"""Bodies that are too large, too deep, of another kind, packed, or in another encoding."""

from __future__ import annotations

import gzip
import secrets
from collections.abc import AsyncIterator

from attacking import Answer, Attacker
from hostile_case import Case, Send

GROUP = "bodies and encodings"
COMMAND = "project-onboarding/v1/onboardings"
MEBIBYTE = 1024 * 1024
DEEP = 100_000
NOT_JSON, OTHER_KIND = "malformed_json", "unsupported_media_type"
SOUND = b'{"opportunity_id": "opp_00000000000000000000000000000000"}'


def _body(content: bytes, kind: str | None = "application/json", **headers: str) -> Send:
    """A command at the edge with that body."""

    async def send(it: Attacker) -> Answer:
        return await it.process("POST", COMMAND, content=content, headers=_headers(kind, **headers))

    return send


def _headers(kind: str | None, **more: str) -> dict[str, str]:
    named = {name.replace("_", "-"): value for name, value in more.items()}
    return {"Idempotency-Key": secrets.token_hex(16), **({"Content-Type": kind} if kind else {}), **named}


async def _spaces() -> AsyncIterator[bytes]:
    for _ in range(40):
        yield b" " * 32_768


async def _large_in_chunks(it: Attacker) -> Answer:
    return await it.process("POST", COMMAND, content=_spaces(), headers=_headers("application/json"))


async def _large_from_the_side(it: Attacker) -> Answer:
    url = f"{it.service('process-project-onboarding')}/v1/onboardings"
    headers = {"Authorization": f"Bearer {it.forge.token('process')}", **_headers("application/json")}
    return await it.ask("POST", url, content=_spaces(), headers=headers)


def _bomb() -> bytes:
    """Twenty megabytes of spaces in twenty kilobytes."""
    return gzip.compress(b'{"opportunity_id": "' + b" " * 20 * MEBIBYTE + b'"}', 9)


def _case(name: str, sent: str, status: int, code: str, send: Send, pointer: str = "") -> Case:
    return Case(name=name, group=GROUP, sent=sent, status=status, code=code, send=send, pointer=pointer)


def _text(name: str, sent: str, content: bytes) -> Case:
    return _case(name, sent, 400, NOT_JSON, _body(content))


def _kind(name: str, kind: str | None, content: bytes = SOUND) -> Case:
    return _case(name, f"a body of {f'`{kind}`' if kind else 'no stated kind'}", 415, OTHER_KIND, _body(content, kind))


ENTITIES = b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><opportunity_id>&b;</opportunity_id>'
LAUGHS = b'<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><a>&c;</a>'

CASES = (
    _case("large-body", "a body of one mebibyte and a byte", 413, "too_large", _body(b"x" * (MEBIBYTE + 1))),
    _case(
        "large-body-in-chunks", "more than a mebibyte in chunks, no length given", 413, "too_large", _large_in_chunks
    ),
    _case("large-body-from-the-side", "the same to the service's own port", 413, "too_large", _large_from_the_side),
    _text("open-brackets", "100,000 opening brackets", b"[" * DEEP),
    _text("nested-brackets", "100,000 brackets, closed again", b"[" * DEEP + b"]" * DEEP),
    _text("nested-objects", "100,000 objects in one another", b'{"a":' * DEEP + b"1" + b"}" * DEEP),
    _text(
        "depth-in-a-known-field",
        "the same depth inside a known field",
        b'{"opportunity_id":' + b"[" * DEEP + b"]" * DEEP + b"}",
    ),
    _kind("plain-text", "text/plain"),
    _kind("form", "application/x-www-form-urlencoded"),
    _kind("multipart", "multipart/form-data; boundary=x"),
    _kind("xml-with-an-outer-entity", "application/xml", ENTITIES),
    _kind("xml-with-growing-entities", "text/xml", LAUGHS),
    _kind("two-kinds", "application/json,text/plain"),
    _kind("any-kind", "*/*"),
    _kind("no-kind", None),
    _case("gzip", "a body in gzip", 415, OTHER_KIND, _body(gzip.compress(SOUND), Content_Encoding="gzip")),
    _case(
        "gzip-bomb",
        "twenty megabytes in twenty kilobytes of gzip",
        415,
        OTHER_KIND,
        _body(_bomb(), Content_Encoding="gzip"),
    ),
    _case(
        "said-to-be-brotli",
        "plain JSON that is said to be Brotli",
        415,
        OTHER_KIND,
        _body(SOUND, Content_Encoding="br"),
    ),
    _case(
        "gzip-in-gzip",
        "`Content-Encoding: gzip, gzip`",
        415,
        OTHER_KIND,
        _body(gzip.compress(gzip.compress(SOUND)), Content_Encoding="gzip, gzip"),
    ),
    _case("empty-body", "no body", 400, "body_required", _body(b"")),
    _case("null-body", "`null`", 422, "invalid", _body(b"null")),
    _case("list-for-an-object", "`[]`", 422, "invalid", _body(b"[]")),
    _text("two-documents", "two documents in one body", SOUND + SOUND),
    _text("comment", "a comment in the body", b"{} // done"),
    _text("invalid-utf-8", "bytes that are no UTF-8", b'{"opportunity_id": "\xff\xfe"}'),
    _text("overlong-utf-8", "a slash in overlong UTF-8", b'{"opportunity_id": "\xc0\xaf"}'),
    _text("surrogates-in-utf-8", "a lone surrogate in UTF-8", b'{"opportunity_id": "\xed\xa0\x80"}'),
    _text("escaped-surrogate", "a lone surrogate, escaped", b'{"opportunity_id": "\\ud800"}'),
    _text("utf-16", "UTF-16", SOUND.decode().encode("utf-16")),
    _text("byte-order-mark", "a byte order mark before the body", b"\xef\xbb\xbf" + SOUND),
    _text("raw-nul", "NUL in a text", b'{"opportunity_id": "opp_\0"}'),
    _text("raw-control", "a control character in a text", b'{"opportunity_id": "opp_\x1f"}'),
    _case(
        "escaped-nul",
        "`\\u0000` in a text",
        422,
        "invalid",
        _body(b'{"opportunity_id": "opp_\\u0000"}'),
        "/opportunity_id",
    ),
    _case(
        "digits-of-another-script",
        "full-width digits in an id",
        422,
        "invalid",
        _body('{"opportunity_id": "opp_\uff10000000000000000000000000000000"}'.encode()),
        "/opportunity_id",
    ),
    _case(
        "line-feed-after-an-id",
        "an id with a line feed behind",
        422,
        "invalid",
        _body(SOUND.replace(b'0"', b'0\\n"')),
        "/opportunity_id",
    ),
)
