"""HTTP that two readers could read differently, over bare sockets to the edge: smuggling, folding, hosts, upgrades."""

from __future__ import annotations

from collections.abc import Callable

from attacking import Answer, Attacker
from hostile_case import Case, Send

GROUP = "malformed HTTP"
LISTING, COMMAND = "/process/operations/v1/exceptions", "/process/project-onboarding/v1/onboardings"
MALFORMED = "malformed_request"

_Request = Callable[[str, str], bytes]  # host, token -> the bytes


def _send(request: _Request) -> Send:
    async def send(it: Attacker) -> Answer:
        return await it.raw(request(it.edge.removeprefix("http://"), it.forge.token("process")))

    return send


def _reading(
    extra: str = "", *, line: str = f"GET {LISTING} HTTP/1.1", host: str | None = None, end: str = "\r\n"
) -> _Request:
    """A listing with a sound token; *extra* are lines as they stand."""

    def request(own: str, token: str) -> bytes:
        hosts = f"Host: {own}{end}" if host is None else host
        return f"{line}{end}{hosts}Authorization: Bearer {token}{end}{extra}{end}".encode("latin-1")

    return request


def _writing(framing: str, body: str, line: str = f"POST {COMMAND} HTTP/1.1") -> _Request:
    """A command with a sound token, framed as told."""
    fields = "Idempotency-Key: hostile-framing\r\nContent-Type: application/json\r\n"
    return lambda own, token: _reading(fields + framing, line=line)(own, token) + body.encode("latin-1")


SMUGGLED = f"0\r\n\r\nGET {LISTING} HTTP/1.1\r\nHost: x\r\n\r\n"

REFUSED: tuple[tuple[str, str, _Request], ...] = (
    (
        "length-and-chunks",
        "Content-Length and Transfer-Encoding",
        _writing("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
    ),
    (
        "chunks-and-length",
        "the same the other way round, a second request behind",
        _writing(f"Transfer-Encoding: chunked\r\nContent-Length: {len(SMUGGLED)}\r\n", SMUGGLED),
    ),
    ("two-lengths", "two Content-Lengths that differ", _writing("Content-Length: 2\r\nContent-Length: 3\r\n", "{}x")),
    (
        "two-equal-lengths",
        "two Content-Lengths that agree",
        _writing("Content-Length: 2\r\nContent-Length: 2\r\n", "{}"),
    ),
    ("list-of-lengths", "`Content-Length: 2, 3`", _writing("Content-Length: 2, 3\r\n", "{}x")),
    ("negative-length", "`Content-Length: -1`", _writing("Content-Length: -1\r\n", "")),
    ("signed-length", "`Content-Length: +2`", _writing("Content-Length: +2\r\n", "{}")),
    (
        "endless-length",
        "a Content-Length beyond 64 bits",
        _writing("Content-Length: 99999999999999999999999\r\n", "{}"),
    ),
    ("unknown-coding", "`Transfer-Encoding: xchunked`", _writing("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n")),
    (
        "coding-after-chunks",
        "`Transfer-Encoding: chunked, identity`",
        _writing("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"),
    ),
    (
        "two-codings",
        "two Transfer-Encodings",
        _writing("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n"),
    ),
    (
        "space-before-the-colon",
        "`Transfer-Encoding : chunked`",
        _writing("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"),
    ),
    ("nul-in-a-header", "NUL in a header's value", _reading("X-Note: a\0b\r\n")),
    ("space-in-a-name", "a space in a header's name", _reading("X Note: a\r\n")),
    ("header-without-a-name", "a header without a name", _reading(": a\r\n")),
    (
        "header-with-an-underscore",
        "`syncline_actor`, which some servers read as `Syncline-Actor`",
        _reading("syncline_actor: eve\r\n"),
    ),
    ("no-host", "no Host", _reading(host="")),
    ("nul-in-the-path", "`%00` in the path", _reading(line=f"GET {LISTING}%00 HTTP/1.1")),
    ("bytes-in-the-path", "a byte beyond ASCII in the path", _reading(line=f"GET {LISTING}\xff HTTP/1.1")),
    ("fragment-in-the-path", "`#` in the path", _reading(line=f"GET {LISTING}#x HTTP/1.1")),
    ("path-without-a-slash", "a path that does not begin with a slash", _reading(line="GET process HTTP/1.1")),
    ("method-of-signs", "the method `G@T`", _reading(line=f"G@T {LISTING} HTTP/1.1")),
    (
        "tls-to-a-plain-port",
        "the beginning of a TLS handshake",
        lambda *_: bytes.fromhex("16030100a5010000a10303") + bytes(160),
    ),
)

HALF_READ: tuple[tuple[str, str, _Request], ...] = (
    (
        "chunk-of-no-size",
        "a chunk whose size is `zz`",
        _writing("Transfer-Encoding: chunked\r\n", "zz\r\n{}\r\n0\r\n\r\n"),
    ),
    (
        "endless-chunk",
        "a chunk's size beyond 64 bits",
        _writing("Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\n{}\r\n0\r\n\r\n"),
    ),
    ("chunks-with-bare-lf", "chunks that end in a bare LF", _writing("Transfer-Encoding: chunked\r\n", "2\n{}\n0\n\n")),
    ("two-hosts", "two Hosts", _reading("Host: elsewhere.example\r\n")),
    ("host-with-a-user", "a Host of `someone@elsewhere`", _reading(host="Host: someone@elsewhere\r\n")),
    (
        "upgrade-to-websocket",
        "an upgrade to WebSocket",
        _reading("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n"),
    ),
)

# How a careful reader may take them: as one request, and as nothing else (RFC 9112, sections 2.2, 3.2.2 and 5.2).
READ_AS_ONE: tuple[tuple[str, str, _Request], ...] = (
    ("folded-header", "a header folded over two lines", _reading("X-Note: a\r\n b\r\n")),
    ("bare-lf", "lines that end in a bare LF", _reading(end="\n")),
    (
        "whole-url",
        "the target as a URL of another host",
        _reading(line=f"GET http://elsewhere.example{LISTING} HTTP/1.1"),
    ),
    ("other-host", "a Host that is not the edge's", _reading(host="Host: elsewhere.example\r\n")),
    (
        "upgrade-to-h2c",
        "an upgrade to HTTP/2 without TLS",
        _reading("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"),
    ),
)


async def _alone(it: Attacker, request: _Request) -> Answer:
    """One answer comes, with the listing in it, and nothing of the host that the caller made up."""
    answer = await _send(request)(it)
    assert {"items", "next"} == answer.json().keys()
    assert b"elsewhere" not in answer.body + repr(answer.headers).encode()
    return answer


def _read_alone(request: _Request) -> Send:
    async def send(it: Attacker) -> Answer:
        return await _alone(it, request)

    return send


async def _dawdle(it: Attacker) -> Answer:
    """A header that does not end, begun before the first case."""
    return await it.dawdling


def _case(name: str, sent: str, status: int, code: str, request: _Request, *, traced: bool = True) -> Case:
    return Case(name=name, group=GROUP, sent=sent, status=status, code=code, send=_send(request), traced=traced)


CASES = (
    *(_case(name, sent, 400, MALFORMED, request, traced=False) for name, sent, request in REFUSED),
    *(_case(name, sent, 400, MALFORMED, request) for name, sent, request in HALF_READ),
    *(
        Case(name=name, group=GROUP, sent=f"{sent}: read as one request", status=200, send=_read_alone(request))
        for name, sent, request in READ_AS_ONE
    ),
    _case(
        "old-version-in-chunks",
        "chunks in HTTP/1.0",
        426,
        "upgrade_required",
        _writing("Transfer-Encoding: chunked\r\n", "0\r\n\r\n", f"POST {COMMAND} HTTP/1.0"),
        traced=False,
    ),
    _case(
        "no-version",
        "a request without a version",
        426,
        "upgrade_required",
        lambda *_: f"GET {LISTING}\r\n\r\n".encode(),
        traced=False,
    ),
    _case(
        "unknown-version",
        "HTTP/2.0 in plain text",
        426,
        "upgrade_required",
        _reading(line=f"GET {LISTING} HTTP/2.0"),
        traced=False,
    ),
    _case(
        "long-request-line",
        "a query of 70,000 characters",
        431,
        "headers_too_large",
        _reading(line=f"GET {LISTING}?cursor={'x' * 70_000} HTTP/1.1"),
        traced=False,
    ),
    _case(
        "many-headers",
        "300 headers",
        431,
        "headers_too_large",
        _reading("".join(f"X-{n}: y\r\n" for n in range(300))),
        traced=False,
    ),
    _case("trace", "the method TRACE", 405, "method_not_allowed", _reading(line=f"TRACE {LISTING} HTTP/1.1")),
    _case(
        "method-in-small-letters",
        "the method `get`",
        405,
        "method_not_allowed",
        _reading(line=f"get {LISTING} HTTP/1.1"),
    ),
    _case("asterisk", "`OPTIONS *`", 404, "not_found", _reading(line="OPTIONS * HTTP/1.1"), traced=False),
    Case(
        name="slow-header",
        group=GROUP,
        sent="a header that does not end within ten seconds",
        status=408,
        code="request_timeout",
        traced=False,
        send=_dawdle,
        late=True,
    ),
)
