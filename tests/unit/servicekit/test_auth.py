"""Only a sound token of our issuer, for our layer, gets in; and it carries no further than its scopes."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from servicekit.app import Service
from servicekit.auth import CACHED_TOKENS, Caller, Verifier, acting_for, bearer
from servicekit.clock import SettableClock
from servicekit.failures import Failure, Kind

CALLER = Caller(subject="usr_1", client_id="portal", scopes=frozenset({"a.b.read"}), actor="usr_1")


@pytest.fixture
def verifier(issuer: Any, clock: SettableClock) -> Verifier:
    """A verifier of the system layer."""
    return Verifier(issuer.name, "syncline-system", clock=clock, http=issuer.http())


async def refusal(verifier: Verifier, token: str) -> Failure:
    with pytest.raises(Failure) as caught:
        await verifier.verify(token)
    return caught.value


async def test_a_sound_token_is_its_caller(verifier: Verifier, issuer: Any) -> None:
    """Subject, client and scopes come from the token; the actor is the subject."""
    assert CALLER == await verifier.verify(issuer.token())


async def test_es256_is_taken_too(verifier: Verifier, issuer: Any) -> None:
    """The second algorithm of the allow-list works."""
    issuer.keys["e1"] = ECKey.generate_key("P-256", {"kid": "e1"})
    issuer.published.append("e1")
    assert CALLER == await verifier.verify(issuer.token(kid="e1", header={"alg": "ES256"}))


@pytest.mark.parametrize(
    ("claims", "detail"),
    [
        ({"iss": "https://edge.example/other"}, "The token comes from another issuer."),
        ({"aud": "syncline-process"}, "The token is meant for another layer."),
        ({"aud": ["syncline-process", "syncline-experience"]}, "The token is meant for another layer."),
        ({"exp": None}, "The token is not valid."),
        ({"client_id": None}, "The token is not valid."),
        ({"scope": None}, "The token is not valid."),
        ({"sub": 7}, "The token is not valid."),
    ],
)
async def test_a_token_with_wrong_claims_is_refused(
    verifier: Verifier, issuer: Any, claims: dict[str, Any], detail: str
) -> None:
    """Another issuer, another layer and missing claims are 401 invalid_token."""
    failure = await refusal(verifier, issuer.token(**claims))
    assert (Kind.UNAUTHENTICATED, "invalid_token", detail) == (failure.kind, failure.code, failure.detail)


@pytest.mark.parametrize("header", [{"typ": "id+jwt"}, {"crit": ["b64"], "b64": True}, {"kid": "unheard-of"}])
async def test_a_token_with_a_wrong_header_is_refused(verifier: Verifier, issuer: Any, header: dict[str, Any]) -> None:
    """Types that are no access tokens, critical extensions and unknown keys are refused."""
    key = issuer.keys["k1"]
    token = issuer.token()
    whole = {"alg": "RS256", "typ": "at+jwt", "kid": "k1", **header}
    encoded = base64.urlsafe_b64encode(json.dumps(whole).encode()).rstrip(b"=").decode()
    forged = ".".join([encoded, *token.split(".")[1:]])
    assert key.kid == "k1"
    assert Kind.UNAUTHENTICATED is (await refusal(verifier, forged)).kind


@pytest.mark.parametrize("kind", ["JWT", "logout+jwt"])
async def test_a_sound_signature_makes_no_access_token_of_another_kind(
    verifier: Verifier, issuer: Any, kind: str
) -> None:
    """The issuer signs ID tokens with the same key; RFC 9068 section 4 wants at+jwt."""
    failure = await refusal(verifier, issuer.token(header={"typ": kind}))
    assert "The token is of a type that is not taken here." == failure.detail


async def test_no_other_algorithm_gets_in(verifier: Verifier, issuer: Any) -> None:
    """Neither "none" nor a shared key made of the public one is a signature."""
    payload = issuer.token().split(".")[1]
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt","kid":"k1"}').rstrip(b"=").decode()
    public = issuer.keys["k1"].as_pem(private=False)
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    shared = OctKey.import_key(base64.urlsafe_b64encode(public).decode())
    mixed = jwt.encode({"alg": "HS256", "typ": "at+jwt", "kid": "k1"}, claims, shared)
    for token in (f"{none}.{payload}.", mixed):
        assert Kind.UNAUTHENTICATED is (await refusal(verifier, token)).kind


@pytest.mark.parametrize("token", ["", "a", "a.b", "a.b.c", "é.b.c", "x" * 8193, "eyJ9.e30.x"])
async def test_what_is_no_token_is_refused(verifier: Verifier, token: str) -> None:
    """Nothing that a caller can write breaks the reading."""
    assert Kind.UNAUTHENTICATED is (await refusal(verifier, token)).kind


async def test_a_changed_token_is_refused(verifier: Verifier, issuer: Any) -> None:
    """A signature holds for its own claims only."""
    one, other = issuer.token(sub="usr_1").split("."), issuer.token(sub="usr_2").split(".")
    assert "The token is not valid." == (await refusal(verifier, ".".join([one[0], other[1], one[2]]))).detail


async def test_clocks_may_differ_by_a_minute(verifier: Verifier, issuer: Any, clock: SettableClock) -> None:
    """Expired and not-yet-valid tokens pass within 60 s and not at 60 s."""
    now = int(clock.now().timestamp())
    assert CALLER == await verifier.verify(issuer.token(exp=now - 59))
    assert "The token has expired." == (await refusal(verifier, issuer.token(exp=now - 60))).detail
    assert CALLER == await verifier.verify(issuer.token(nbf=now + 60))
    assert "The token is not valid yet." == (await refusal(verifier, issuer.token(nbf=now + 61))).detail
    assert "The token is not valid yet." == (await refusal(verifier, issuer.token(iat=now + 61))).detail


async def test_a_cached_token_still_expires(verifier: Verifier, issuer: Any, clock: SettableClock) -> None:
    """The memory of a good token ends with the token."""
    token = issuer.token()
    await verifier.verify(token)
    clock.advance(timedelta(seconds=360))
    assert "The token has expired." == (await refusal(verifier, token)).detail


async def test_the_cache_is_bounded(verifier: Verifier) -> None:
    """However many tokens come, only so many are remembered."""
    for number in range(CACHED_TOKENS * 2):
        verifier._remember(number.to_bytes(4, "big"), CALLER, 1e12, 0.0)
    assert CACHED_TOKENS >= len(verifier._cache)


async def test_keys_are_read_once_for_all(verifier: Verifier, issuer: Any) -> None:
    """Many tokens at the same time lead to one reading of the keys."""
    await asyncio.gather(*(verifier.verify(issuer.token(jti=str(number))) for number in range(20)))
    assert ["/oauth/.well-known/openid-configuration", "/oauth/jwks"] == issuer.calls


async def test_a_new_key_is_found_but_not_asked_for_at_will(
    verifier: Verifier, issuer: Any, clock: SettableClock
) -> None:
    """An unknown key id makes us read the keys again, at most every 30 s."""
    await verifier.verify(issuer.token())
    issuer.keys["k2"] = RSAKey.generate_key(2048, {"kid": "k2"})
    assert Kind.UNAUTHENTICATED is (await refusal(verifier, issuer.token(kid="k2"))).kind
    issuer.published.append("k2")
    clock.advance(timedelta(seconds=29))
    assert Kind.UNAUTHENTICATED is (await refusal(verifier, issuer.token(kid="k2"))).kind
    assert 1 == issuer.calls.count("/oauth/jwks")
    clock.advance(timedelta(seconds=1))
    assert CALLER == await verifier.verify(issuer.token(kid="k2"))
    assert 2 == issuer.calls.count("/oauth/jwks")


async def test_a_withdrawn_key_is_forgotten_with_its_tokens(
    verifier: Verifier, issuer: Any, clock: SettableClock
) -> None:
    """Once the issuer no longer publishes a key, tokens signed with it stop working, remembered or not."""
    issuer.keys["k2"] = RSAKey.generate_key(2048, {"kid": "k2"})
    issuer.published.append("k2")
    token = issuer.token(exp=int(clock.now().timestamp()) + 7200)
    await verifier.verify(token)
    issuer.published.remove("k1")
    clock.advance(timedelta(minutes=10))
    assert CALLER == await verifier.verify(issuer.token(kid="k2"))
    assert Kind.UNAUTHENTICATED is (await refusal(verifier, token)).kind


async def test_without_the_issuer_known_keys_go_on(verifier: Verifier, issuer: Any, clock: SettableClock) -> None:
    """While the issuer is away, tokens of known keys pass, and of unknown ones are 503 with a time to come back."""
    await verifier.verify(issuer.token())
    issuer.down = True
    clock.advance(timedelta(minutes=11))
    assert CALLER == await verifier.verify(issuer.token())
    clock.advance(timedelta(minutes=1))
    issuer.keys["k2"] = RSAKey.generate_key(2048, {"kid": "k2"})
    failure = await refusal(verifier, issuer.token(kid="k2"))
    assert (Kind.UNAVAILABLE, 30.0) == (failure.kind, failure.retry_after_s)


async def test_an_issuer_that_was_never_reached_is_unavailable(verifier: Verifier, issuer: Any) -> None:
    """Without any keys nobody gets in, and nobody is told that their token is wrong."""
    issuer.down = True
    assert Kind.UNAVAILABLE is (await refusal(verifier, issuer.token())).kind


async def test_a_discovery_document_of_another_issuer_is_not_trusted(verifier: Verifier, issuer: Any) -> None:
    """The document must speak for the issuer that we asked."""
    issuer.name = "https://evil.example"
    assert Kind.UNAVAILABLE is (await refusal(verifier, issuer.token())).kind


@pytest.mark.parametrize("header", [None, "", "Basic abc", "Bearer", "Bearer  "])
def test_without_a_bearer_token_one_is_asked_for(header: str | None) -> None:
    """No token is not a wrong token: the code differs, and RFC 6750 wants no error then."""
    with pytest.raises(Failure) as caught:
        bearer(header)
    assert (Kind.UNAUTHENTICATED, "token_required") == (caught.value.kind, caught.value.code)


@pytest.mark.parametrize(
    ("scopes", "actor", "kind"),
    [
        (set(), "per_1", Kind.DENIED),
        ({"actor.assert"}, "", Kind.MALFORMED),
        ({"actor.assert"}, " per_1", Kind.MALFORMED),
        ({"actor.assert"}, "p" * 201, Kind.MALFORMED),
        ({"actor.assert"}, "p\ner", Kind.MALFORMED),
    ],
)
def test_an_actor_needs_a_scope_and_a_name(scopes: set[str], actor: str, kind: Kind) -> None:
    """Without actor.assert the header is refused, not ignored; with it the name must be readable."""
    caller = Caller(subject="s", client_id="s", scopes=frozenset(scopes), actor="s")
    with pytest.raises(Failure) as caught:
        acting_for(caller, actor)
    assert kind is caught.value.kind


async def test_a_missing_scope_is_named(make_service: Callable[..., Service], talk: Any) -> None:
    """403 insufficient_scope names in its challenge what the route wants, in its detail what is missing."""
    async with talk(make_service(), token="t.things.read") as client:
        answer = await client.put("/v1/things/1", json={})
    assert (403, "insufficient_scope", "The token lacks the scope t.things.write.") == (
        answer.status_code,
        answer.json()["code"],
        answer.json()["detail"],
    )
    assert 'scope="t.things.write t.things.read"' in answer.headers["www-authenticate"]


async def test_the_challenge_without_a_token_has_no_error(make_service: Callable[..., Service], talk: Any) -> None:
    """RFC 6750 section 3.1."""
    async with talk(make_service()) as client:
        client.headers.pop("authorization")
        answer = await client.get("/v1/things/1")
    assert (
        'Bearer resource_metadata="https://edge.example/.well-known/oauth-protected-resource/system"'
        == answer.headers["www-authenticate"]
    )
