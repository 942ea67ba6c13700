"""Limits: spent here, reconciled through Redis, and in force without it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from servicekit.clock import SettableClock
from servicekit.failures import Kind
from servicekit.limits import MAX_CLIENTS, Limiter


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """An empty Valkey."""
    client: Redis = Redis.from_url(redis_url)
    await client.flushdb()
    yield client
    await client.aclose()


def spent(limiter: Limiter, count: int, client: str = "portal") -> int:
    """How many of *count* requests were let through."""
    return sum(limiter.take(client)[1] is None for _ in range(count))


def test_a_bucket_gives_its_limit_and_refills_evenly(clock: SettableClock) -> None:
    """600 a minute: all at once, then ten more each second."""
    limiter = Limiter(600, clock=clock)
    assert 600 == spent(limiter, 700)
    clock.advance(timedelta(seconds=1))
    assert 10 == spent(limiter, 20)


def test_a_refusal_says_when_the_next_request_may_come(clock: SettableClock) -> None:
    """One request a second is refilled at 60 a minute: wait one second."""
    limiter = Limiter(60, clock=clock)
    spent(limiter, 60)
    allowance, refusal = limiter.take("portal")
    assert refusal is not None
    assert (Kind.THROTTLED, 1.0) == (refusal.kind, refusal.retry_after_s)
    assert (60, 0, 60) == (allowance.limit, allowance.remaining, allowance.reset_s)
    clock.advance(timedelta(seconds=1))
    assert 1 == spent(limiter, 2)


def test_clients_do_not_share(clock: SettableClock) -> None:
    """What one client spends, another still has."""
    limiter = Limiter(5, clock=clock)
    assert (5, 5) == (spent(limiter, 9, "a"), spent(limiter, 9, "b"))


def test_a_clock_that_goes_back_gives_nothing(clock: SettableClock) -> None:
    """Time set back neither refills nor takes away."""
    limiter = Limiter(60, clock=clock)
    spent(limiter, 60)
    clock.advance(timedelta(hours=-1))
    assert 0 == spent(limiter, 1)


def test_the_memory_of_clients_is_bounded(clock: SettableClock) -> None:
    """However many clients come, only so many buckets are kept."""
    limiter = Limiter(5, clock=clock)
    for number in range(MAX_CLIENTS + 10):
        limiter.take(str(number))
    assert MAX_CLIENTS >= len(limiter._buckets)


def test_the_fields_have_the_form_of_the_draft(clock: SettableClock) -> None:
    """Structured fields with a named policy: quota, window, remaining, reset."""
    allowance, _ = Limiter(600, clock=clock).take("portal")
    assert ((b"ratelimit-policy", b'"client";q=600;w=60'), (b"ratelimit", b'"client";r=599;t=1')) == allowance.fields()


@given(pauses=st.lists(st.floats(min_value=0, max_value=20), min_size=1, max_size=60))
def test_no_rhythm_of_calls_beats_the_limit(pauses: list[float]) -> None:
    """In any sequence, no more get through than the bucket held plus what was refilled."""
    clock = SettableClock(datetime(2026, 11, 23, tzinfo=UTC))
    limiter = Limiter(30, clock=clock)
    passed = 0
    for pause in pauses:
        clock.advance(timedelta(seconds=pause))
        passed += spent(limiter, 5)
    assert passed <= 30 + sum(pauses) * 30 / 60 + 1


async def test_replicas_share_one_limit(redis: Redis, clock: SettableClock) -> None:
    """What one replica spent is missing at the other after both have synced."""
    one, two = (Limiter(100, clock=clock, redis=redis, name="s") for _ in range(2))
    assert (60, 30) == (spent(one, 60), spent(two, 30))
    await one.sync()
    await two.sync()
    assert 10 == spent(two, 50)
    await two.sync()
    spent(one, 1)
    await one.sync()
    assert 0 == spent(one, 50)


async def test_what_is_spent_during_a_sync_is_not_lost(redis: Redis, clock: SettableClock) -> None:
    """Each request is reported once: a second sync without requests changes nothing."""
    limiter = Limiter(100, clock=clock, redis=redis, name="s")
    spent(limiter, 40)
    await limiter.sync()
    await limiter.sync()
    assert 60 == spent(limiter, 100)


async def test_an_empty_redis_is_a_full_bucket_and_no_error(redis: Redis, clock: SettableClock) -> None:
    """Flushing Redis forgets what others spent, and nothing else."""
    limiter = Limiter(100, clock=clock, redis=redis, name="s")
    spent(limiter, 40)
    await limiter.sync()
    await redis.flushdb()
    spent(limiter, 10)
    await limiter.sync()
    assert 90 == spent(limiter, 200)


async def test_without_redis_every_replica_limits_on_its_own(clock: SettableClock) -> None:
    """Nobody at the address: the limit holds locally, and nothing is raised."""
    lost: Redis = Redis.from_url("redis://127.0.0.1:1", socket_connect_timeout=0.2)
    limiter = Limiter(50, clock=clock, redis=lost, name="s")
    assert 40 == spent(limiter, 40)
    await limiter.sync()
    assert 10 == spent(limiter, 40)
    await lost.aclose()


async def test_syncing_ends_with_its_context(redis_url: str, clock: SettableClock) -> None:
    """Opening and closing leaves no task and no connection behind."""
    limiter = Limiter(50, clock=clock, redis=Redis.from_url(redis_url), name="s")
    async with limiter.syncing():
        assert 1 == spent(limiter, 1)
