"""The issuer's parts: keys, hashes, lock-out, things that expire."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.issuer.expiring import Expiring
from gateway.issuer.hashing import hashed, matches
from gateway.issuer.keys import PUBLISHED_AHEAD, SigningKeys
from gateway.issuer.lockout import Lockout
from servicekit.clock import SettableClock
from servicekit.failures import Failure, Kind

MONTH = timedelta(days=30)


def ids(keys: SigningKeys) -> list[str]:
    """The published keys' names."""
    return [key["kid"] for key in keys.published()["keys"]]


def test_the_first_start_makes_a_key_that_only_its_owner_can_read(tmp_path: Path, clock: SettableClock) -> None:
    """Mode 0600 from the first byte on; the published part is public."""
    keys = SigningKeys(tmp_path / "state" / "keys.json", clock, key_life=MONTH)
    assert 0o600 == (tmp_path / "state" / "keys.json").stat().st_mode & 0o777
    published = keys.published()["keys"]
    assert [("RSA", "sig", "RS256")] == [(key["kty"], key["use"], key["alg"]) for key in published]
    assert set() == {"d", "p", "q", "dp", "dq", "qi"} & set(published[0])


def test_a_restart_keeps_the_keys(tmp_path: Path, clock: SettableClock) -> None:
    """Tokens outlive the process that made them."""
    first = SigningKeys(tmp_path / "keys.json", clock, key_life=MONTH)
    second = SigningKeys(tmp_path / "keys.json", clock, key_life=MONTH)
    assert ids(first) == ids(second)
    assert first.current().kid == second.current().kid


def test_a_key_is_published_before_it_signs_and_stays_after(tmp_path: Path, clock: SettableClock) -> None:
    """Whoever holds yesterday's key set can check today's token, and the other way round."""
    keys = SigningKeys(tmp_path / "keys.json", clock, key_life=MONTH)
    old = keys.current().kid
    clock.advance(MONTH - PUBLISHED_AHEAD)
    assert 2 == len(ids(keys))
    assert old == keys.current().kid
    clock.advance(PUBLISHED_AHEAD)
    new = keys.current().kid
    assert [old, new] == ids(keys)
    assert old != new


def test_keys_are_replaced_for_as_long_as_the_process_runs(tmp_path: Path, clock: SettableClock) -> None:
    """Never more than two, never none; a machine that slept through a change catches up without a gap."""
    keys = SigningKeys(tmp_path / "keys.json", clock, key_life=MONTH)
    seen = []
    for _ in range(5):
        clock.advance(MONTH)
        keys.published()
        clock.advance(PUBLISHED_AHEAD)
        seen.append(keys.current().kid)
        assert keys.current().kid in ids(keys)
        assert 2 == len(ids(keys))
    assert 5 == len(set(seen))


def test_a_key_can_be_replaced_early(tmp_path: Path, clock: SettableClock) -> None:
    """On suspicion; it still is published first."""
    keys = SigningKeys(tmp_path / "keys.json", clock, key_life=MONTH)
    old = keys.current().kid
    keys.rotate()
    assert (2, old) == (len(ids(keys)), keys.current().kid)
    clock.advance(PUBLISHED_AHEAD)
    assert old != keys.current().kid


def test_keys_that_others_may_read_are_refused(tmp_path: Path, clock: SettableClock) -> None:
    """A key that may have been copied is no key."""
    SigningKeys(tmp_path / "keys.json", clock, key_life=MONTH)
    (tmp_path / "keys.json").chmod(0o640)
    with pytest.raises(Failure) as caught:
        SigningKeys(tmp_path / "keys.json", clock, key_life=MONTH)
    assert Kind.MISCONFIGURED is caught.value.kind


def test_an_unreadable_key_file_is_not_replaced(tmp_path: Path, clock: SettableClock) -> None:
    """Making new keys silently would make every token invalid."""
    path = tmp_path / "keys.json"
    path.write_text(json.dumps([{"kid": 1}]))
    path.chmod(0o600)
    with pytest.raises(Failure) as caught:
        SigningKeys(path, clock, key_life=MONTH)
    assert Kind.MISCONFIGURED is caught.value.kind
    assert json.dumps([{"kid": 1}]) == path.read_text()


@pytest.mark.parametrize("generated", [True, False])
def test_a_hash_tells_the_secret_from_others_and_does_not_hold_it(*, generated: bool) -> None:
    """Both kinds."""
    stored = hashed("pass$word", generated=generated)
    assert matches("pass$word", stored)
    assert not matches("password", stored)
    assert "word" not in stored


def test_two_hashes_of_one_password_differ() -> None:
    """Equal passwords are not seen to be equal."""
    assert hashed("x") != hashed("x")


@pytest.mark.parametrize("stored", ["", "x", "md5$abc", "sha256"])
def test_nothing_matches_an_unknown_hash(stored: str) -> None:
    """A mistake in the settings lets nobody in."""
    assert not matches("", stored)


def test_failures_are_forgotten_one_by_one(clock: SettableClock) -> None:
    """The lock opens when the oldest failure is a period ago."""
    lockout = Lockout(clock, allowed=2, period=timedelta(minutes=10))
    lockout.failed("a")
    clock.advance(timedelta(minutes=4))
    lockout.failed("a")
    assert 361 == lockout.wait_s("a")
    assert 0 == lockout.wait_s("b")
    clock.advance(timedelta(minutes=6))
    assert 0 == lockout.wait_s("a")


def test_a_success_forgets_the_failures(clock: SettableClock) -> None:
    """Mistyping four times a day is not guessing."""
    lockout = Lockout(clock, allowed=2, period=timedelta(minutes=10))
    lockout.failed("a")
    lockout.succeeded("a")
    lockout.failed("a")
    assert 0 == lockout.wait_s("a")


def test_what_expires_is_gone() -> None:
    """At the moment itself, not after it."""
    clock = SettableClock(datetime(2026, 1, 1, tzinfo=UTC))
    held: Expiring[str] = Expiring(clock, timedelta(seconds=60))
    name = held.put("thing")
    assert "thing" == held.get(name)
    clock.advance(timedelta(seconds=60))
    assert held.get(name) is None
    assert held.take(name) is None


def test_what_is_taken_is_taken_once(clock: SettableClock) -> None:
    """The second hand finds nothing."""
    held: Expiring[str] = Expiring(clock, timedelta(seconds=60))
    name = held.put("thing")
    assert ["thing", None] == [held.take(name), held.take(name)]
