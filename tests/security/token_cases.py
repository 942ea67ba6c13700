"""Forged, stale and misdirected tokens, each at the edge and once more at the service behind it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from attacking import Answer, Attacker
from forging import encoded
from hostile_case import Case, Send

GROUP = "tokens"
HOUR = 3600
PUBLIC_DOOR, BACK_DOOR = "/process/operations/v1/exceptions", "/v1/exceptions"

Made = Callable[[Attacker], str]


def _header(**changes: object) -> Made:
    """Signed by the issuer, under a header that is not its own."""
    return lambda it: it.forge.signed(it.forge.header(**changes), it.forge.claims("process"))


def _own_key(**changes: object) -> Made:
    """Signed by the attacker's own key."""
    return lambda it: it.forge.signed(it.forge.header(**changes), it.forge.claims("process"), own=True)


def _claims(**changes: object) -> Made:
    """Signed by the issuer, but saying what its tokens never say."""
    return lambda it: it.forge.token("process", **changes)


def _without(claim: str) -> Made:
    def made(it: Attacker) -> str:
        left = {name: value for name, value in it.forge.claims("process").items() if name != claim}
        return it.forge.signed(it.forge.header(), left)

    return made


def _unsigned(algorithm: str) -> Made:
    return lambda it: f"{encoded(it.forge.header(alg=algorithm))}.{encoded(it.forge.claims('process'))}."


def _shared(algorithm: str) -> Made:
    """The published key taken for a shared secret."""
    return lambda it: it.forge.shared(it.forge.header(alg=algorithm), it.forge.claims("process"), it.forge.public_pem())


def _with_own_jwk(it: Attacker) -> str:
    return _own_key(jwk=dict(it.forge.own.as_dict(private=False)))(it)


def _aged(seconds: int) -> Made:
    def made(it: Attacker) -> str:
        sound = it.forge.claims("process")
        return it.forge.token("process", iat=sound["iat"] + seconds, exp=sound["exp"] + seconds)

    return made


def _infinite(it: Attacker) -> str:
    claims = json.dumps(it.forge.claims("process", exp="forever")).replace('"forever"', "1e400")
    return it.forge.signed(it.forge.header(), claims.encode())


def _more_scope(it: Attacker) -> str:
    header, _, signature = it.forge.token("process").split(".")
    return f"{header}.{encoded(it.forge.claims('process', scope='actor.assert'))}.{signature}"


def _cut(it: Attacker) -> str:
    return it.forge.token("process").rpartition(".")[0] + "."


def _identity(it: Attacker) -> str:
    """What the issuer gives beside an access token to a client where a person has signed in."""
    return it.forge.signed(it.forge.header(typ="JWT"), it.forge.claims("process"))


FORGERIES: tuple[tuple[str, str, Made], ...] = (
    ("alg-none", "a token of `alg: none`, without a signature", _unsigned("none")),
    ("alg-none-in-capitals", "the same, spelled `NoNe`", _unsigned("NoNe")),
    ("hs256-with-the-public-key", "HS256 under the issuer's public key as the secret", _shared("HS256")),
    ("hmac-called-rs256", "the same signature, called RS256", _shared("RS256")),
    ("kid-leaves-the-folder", "a `kid` of `../../../../dev/null`", _own_key(kid="../../../../dev/null")),
    ("kid-unknown", "a `kid` that the issuer does not publish", _own_key(kid="unheard-of")),
    ("kid-is-sql", "a `kid` of `' or '1'='1`", _own_key(kid="' or '1'='1")),
    ("kid-is-a-list", "a `kid` that is a list", _header(kid=["a"])),
    ("own-key-under-a-known-kid", "the issuer's `kid` over another key's signature", _own_key()),
    ("crit-unknown", "a critical header field that nobody knows, signed by the issuer", _header(crit=["pay"], pay=1)),
    ("crit-b64", "an unencoded payload by `crit: b64`", _header(crit=["b64"], b64=False)),
    ("jku", "a `jku` that points to the attacker's keys", _own_key(kid="hostile", jku="http://192.0.2.1/keys")),
    ("x5u", "an `x5u` that points to the attacker's certificate", _own_key(kid="hostile", x5u="http://192.0.2.1/c")),
    ("embedded-jwk", "the attacker's own key embedded in the header", _with_own_jwk),
    ("expired", "a token that expired an hour ago", _aged(-HOUR - 900)),
    (
        "not-yet-valid",
        "a token that is valid in an hour",
        lambda it: _claims(nbf=it.forge.claims("process")["exp"])(it),
    ),
    ("issued-in-the-future", "a token that will be issued in an hour", _aged(HOUR)),
    ("never-expires", "a token without an expiry", _without("exp")),
    ("expires-at-infinity", "an expiry of `1e400`", _infinite),
    ("expires-as-text", "an expiry that is a text", _claims(exp="9999999999")),
    ("other-issuer", "a token of another issuer", _claims(iss="https://elsewhere.example")),
    ("other-audience", "a token for somebody else", _claims(aud="somebody-else")),
    ("no-audience", "a token for nobody", _claims(aud=[])),
    ("experience-token", "a token of the experience layer", lambda it: it.forge.token("experience")),
    ("system-token", "a token of the system layer", lambda it: it.forge.token("system")),
    ("id-token-type", "a token of the type `JWT`, as ID tokens are", _identity),
    ("event-token-type", "a security event token", _header(typ="secevent+jwt")),
    ("no-client", "a token that names no client", _without("client_id")),
    ("scope-as-a-list", "a scope that is a list", _claims(scope=["operations.exceptions.read"])),
    ("more-scope", "a token whose scope was changed after it was signed", _more_scope),
    ("signature-cut-off", "a sound token without its signature", _cut),
    ("five-parts", "an encrypted token's five parts", lambda _: "a.b.c.d.e"),
    ("garbage", "no token at all: `x.y.z`", lambda _: "x.y.z"),
)


def _at(url: Callable[[Attacker], str], made: Made) -> Send:
    async def send(it: Attacker) -> Answer:
        return await it.ask("GET", url(it), headers={"Authorization": f"Bearer {made(it)}"})

    return send


def _edge(it: Attacker) -> str:
    return it.edge + PUBLIC_DOOR


def _service(it: Attacker) -> str:
    return it.service("process-operations") + BACK_DOOR


def _forgeries() -> Iterator[Case]:
    for name, sent, made in FORGERIES:
        for door, url in (("edge", _edge), ("service", _service)):
            yield Case(
                name=f"{name}-at-the-{door}",
                group=GROUP,
                sent=sent,
                status=401,
                code="invalid_token",
                send=_at(url, made),
            )


def _long(it: Attacker) -> str:
    return it.forge.token("process", padding="x" * 100_000)


def _twice(url: Callable[[Attacker], str], *, good_first: bool) -> Send:
    async def send(it: Attacker) -> Answer:
        values = [it.forge.token("process"), it.forge.token("process", iss="https://elsewhere.example")]
        ordered = values if good_first else values[::-1]
        headers = [("Authorization", f"Bearer {value}") for value in ordered]
        return await it.ask("GET", url(it), headers=headers)

    return send


async def _in_the_query(it: Attacker) -> Answer:
    return await it.ask("GET", f"{_edge(it)}?access_token={it.forge.token('process')}")


async def _as_a_password(it: Attacker) -> Answer:
    return await it.ask("GET", _service(it), auth=("token", it.forge.token("process")))


async def _hop_by_hop(it: Attacker) -> Answer:
    """The caller asks the edge to leave the token out on the way to the service."""
    headers = {"Authorization": f"Bearer {it.forge.token('process')}", "Connection": "close, Authorization"}
    return await it.ask("GET", _edge(it), headers=headers)


CASES: tuple[Case, ...] = (
    *_forgeries(),
    Case(
        name="100-kb-token-at-the-edge",
        group=GROUP,
        sent="a token of 100 KB, to the edge",
        status=431,
        code="headers_too_large",
        traced=False,
        send=_at(_edge, _long),
    ),
    Case(
        name="100-kb-token-at-the-service",
        group=GROUP,
        sent="a token of 100 KB, to the service",
        status=401,
        code="invalid_token",
        send=_at(_service, _long),
    ),
    *(
        Case(
            name=f"two-authorization-headers-{order}-first-at-the-{door}",
            group=GROUP,
            sent=f"two Authorization headers, the {order} one first, to the {door}",
            status=status,
            code=code,
            send=_twice(url, good_first=order == "good"),
        )
        for door, url, status, code in (
            ("edge", _edge, 401, "invalid_token"),
            ("service", _service, 400, "repeated_header"),
        )
        for order in ("good", "forged")
    ),
    Case(
        name="token-in-the-query",
        group=GROUP,
        sent="a sound token as `?access_token=`",
        status=401,
        code="invalid_token",
        send=_in_the_query,
    ),
    Case(
        name="token-as-a-password",
        group=GROUP,
        sent="a sound token as the password of Basic authentication",
        status=401,
        code="token_required",
        send=_as_a_password,
    ),
    Case(
        name="token-as-a-hop-by-hop-header",
        group=GROUP,
        sent="`Connection: Authorization`, so that the edge drops the token it has checked",
        status=401,
        code="invalid_token",
        send=_hop_by_hop,
    ),
)
