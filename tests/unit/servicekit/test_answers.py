"""Stored answers: one effect per key, the same answer each time, and no repeat before doubt is settled."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from msgspec.structs import replace

from servicekit.answers import TABLE, Answer, Attempt, Doubt, StoredAnswers
from servicekit.clock import SettableClock
from servicekit.database import Database, driver_url
from servicekit.failures import Failure, Kind

NOW = datetime(2026, 11, 23, 9, 15, tzinfo=UTC)
CREATED = Answer(status=201, body=b'{"id":"prj_1"}', headers={"Location": "/v1/projects/prj_1"})
KEEP = timedelta(days=1)
LEASE = timedelta(seconds=30)


class Platform:
    """Where the effect takes place: executes with what it is told to do, and can be looked at."""

    def __init__(self, outcome: Answer | BaseException = CREATED, seen: Answer | BaseException | None = None) -> None:
        self.outcome = outcome
        self.seen = seen
        self.executed: list[Attempt] = []
        self.looked: list[Attempt] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.reached = asyncio.Event()

    async def execute(self, attempt: Attempt) -> Answer:
        self.executed.append(attempt)
        self.reached.set()
        await self.gate.wait()
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome

    async def settle(self, attempt: Attempt) -> Answer | None:
        self.looked.append(attempt)
        if isinstance(self.seen, BaseException):
            raise self.seen
        return self.seen


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    with psycopg.connect(driver_url(database_url), autocommit=True) as connection:
        connection.execute("create schema answering")
        connection.execute("set search_path = answering")
        connection.execute(TABLE)
    database = Database(database_url, "answering")
    yield database
    await database.close()


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(NOW)


@pytest.fixture
def answers(database: Database, clock: SettableClock) -> StoredAnswers:
    return StoredAnswers(database, clock, "crm-1")


async def ask(
    answers: StoredAnswers, platform: Platform, *, settles: bool = True, request: bytes = b"{}", lag_s: float = 0.0
) -> Answer:
    return await answers.answer(
        scope="psa.createProject",
        key="key-1",
        request=request,
        execute=platform.execute,
        settle=platform.settle if settles else None,
        lag_s=lag_s,
        keep=KEEP,
    )


async def refusal(asking: Awaitable[Answer]) -> Failure:
    with pytest.raises(Failure) as caught:
        await asking
    return caught.value


async def abandon(answers: StoredAnswers) -> None:
    """Leaves the operation as a killed process does: started, and nobody at it."""
    await answers._claim("psa.createProject", "key-1", hashlib.sha256(b"{}").digest(), KEEP)


async def test_the_first_answer_is_given_again(answers: StoredAnswers) -> None:
    """A repeat with the same key and request carries nothing out."""
    platform = Platform()
    assert CREATED == await ask(answers, platform)
    assert replace(CREATED, replayed=True) == await ask(answers, platform)
    assert [Attempt(key="key-1", first=True)] == platform.executed


async def test_a_key_belongs_to_its_scope(answers: StoredAnswers) -> None:
    """The same key in another scope is another operation."""
    platform = Platform()
    await ask(answers, platform)
    other = await answers.answer(scope="other", key="key-1", request=b"x", execute=platform.execute, keep=KEEP)
    assert CREATED == other
    assert 2 == len(platform.executed)


async def test_a_key_with_another_request_is_refused(answers: StoredAnswers) -> None:
    """INVALID `idempotency_key_reused`, whether the first is answered or still at work."""
    platform = Platform()
    await ask(answers, platform)
    failure = await refusal(ask(answers, platform, request=b"other"))
    assert (Kind.INVALID, "idempotency_key_reused") == (failure.kind, failure.code)
    assert 1 == len(platform.executed)


async def test_of_two_callers_at_once_one_carries_it_out(answers: StoredAnswers) -> None:
    """The other is told BUSY and when to come back; afterwards it gets the first one's answer."""
    platform = Platform()
    platform.gate.clear()
    first = asyncio.create_task(ask(answers, platform))
    await platform.reached.wait()
    failure = await refusal(ask(answers, platform))
    assert (Kind.BUSY, 2.0) == (failure.kind, failure.retry_after_s)
    reused = await refusal(ask(answers, platform, request=b"other"))
    assert "idempotency_key_reused" == reused.code
    platform.gate.set()
    assert CREATED == await first
    assert replace(CREATED, replayed=True) == await ask(answers, platform)
    assert 1 == len(platform.executed)


async def test_of_many_callers_at_once_exactly_one_carries_it_out(answers: StoredAnswers) -> None:
    """Twenty concurrent first calls: one effect, and nineteen are busy or get its answer."""
    platform = Platform()
    results = await asyncio.gather(*(ask(answers, platform) for _ in range(20)), return_exceptions=True)
    assert 1 == len(platform.executed)
    assert 1 == results.count(CREATED)
    others = [result for result in results if result != CREATED]
    known = [
        result == replace(CREATED, replayed=True) or (isinstance(result, Failure) and result.kind is Kind.BUSY)
        for result in others
    ]
    assert [True] * 19 == known


@pytest.mark.parametrize("kind", [Kind.CONFLICT, Kind.INVALID, Kind.MISCONFIGURED, Kind.UNAVAILABLE, Kind.THROTTLED])
async def test_what_certainly_had_no_effect_frees_the_key(answers: StoredAnswers, kind: Kind) -> None:
    """After a refusal, or when nothing was sent, even a different request may use the key."""
    failure = await refusal(ask(answers, Platform(Failure(kind, "no", retry_after_s=7.0))))
    assert (kind, 7.0) == (failure.kind, failure.retry_after_s)
    assert CREATED == await ask(answers, Platform(), request=b"corrected")


@pytest.mark.parametrize(
    "problem",
    [
        Failure(Kind.IN_DOUBT, "no answer"),
        Failure(Kind.TIMED_OUT, "slow"),
        Failure(Kind.BAD_UPSTREAM, "gibberish"),
        Failure(Kind.UNAVAILABLE, "collided", code="database_collision"),
    ],
)
async def test_what_may_have_had_an_effect_is_in_doubt(answers: StoredAnswers, problem: Failure) -> None:
    """It is reported as IN_DOUBT, and the next call looks before anything else."""
    failure = await refusal(ask(answers, Platform(problem)))
    assert Kind.IN_DOUBT is failure.kind
    assert [Doubt(scope="psa.createProject", key="key-1", since=NOW, attempts=1)] == await answers.doubts()
    platform = Platform(seen=CREATED)
    assert replace(CREATED, replayed=True) == await ask(answers, platform)
    assert ([], [Attempt(key="key-1", first=False, doubt_since=NOW)]) == (platform.executed, platform.looked)
    assert [] == await answers.doubts()


async def test_a_bug_leaves_doubt_and_is_not_hidden(answers: StoredAnswers) -> None:
    """Nobody knows how far the work had come."""
    with pytest.raises(ZeroDivisionError):
        await ask(answers, Platform(ZeroDivisionError()))
    assert 1 == len(await answers.doubts())


async def test_a_caller_who_hangs_up_leaves_doubt(answers: StoredAnswers) -> None:
    """Cancelled work may have had its effect."""
    platform = Platform()
    platform.gate.clear()
    asking = asyncio.create_task(ask(answers, platform))
    await platform.reached.wait()
    asking.cancel()
    await asyncio.wait({asking})
    assert asking.cancelled()
    assert 1 == len(await answers.doubts())


async def test_work_is_cut_off_before_its_lease_ends(database: Database, clock: SettableClock) -> None:
    """Whoever takes over never works beside the one before."""
    platform = Platform()
    platform.gate.clear()
    failure = await refusal(ask(StoredAnswers(database, clock, "crm-1", lease_s=0.1), platform))
    assert Kind.IN_DOUBT is failure.kind


async def test_nothing_is_repeated_until_absence_is_certain(answers: StoredAnswers, clock: SettableClock) -> None:
    """Not finding it counts only after lease and lag; until then it is IN_DOUBT, with the time left."""
    await refusal(ask(answers, Platform(Failure(Kind.IN_DOUBT, "no answer"))))
    platform = Platform()
    clock.advance(timedelta(seconds=10))
    failure = await refusal(ask(answers, platform, lag_s=60.0))
    assert (Kind.IN_DOUBT, 80.0) == (failure.kind, failure.retry_after_s)
    clock.advance(timedelta(seconds=79))
    failure = await refusal(ask(answers, platform, lag_s=60.0))
    assert (Kind.IN_DOUBT, 1.0) == (failure.kind, failure.retry_after_s)
    assert [] == platform.executed
    clock.advance(timedelta(seconds=1))
    assert CREATED == await ask(answers, platform, lag_s=60.0)
    assert [Attempt(key="key-1", first=False)] == platform.executed
    assert [Attempt(key="key-1", first=False, doubt_since=NOW)] * 3 == platform.looked


async def test_a_second_attempt_in_doubt_waits_again_from_its_own_start(
    answers: StoredAnswers, clock: SettableClock
) -> None:
    """Each attempt's doubt counts from that attempt."""
    await refusal(ask(answers, Platform(Failure(Kind.IN_DOUBT, "no answer"))))
    clock.advance(LEASE)
    await refusal(ask(answers, Platform(Failure(Kind.IN_DOUBT, "no answer"))))
    assert [Doubt(scope="psa.createProject", key="key-1", since=NOW + LEASE, attempts=2)] == await answers.doubts()
    failure = await refusal(ask(answers, Platform()))
    assert (Kind.IN_DOUBT, 30.0) == (failure.kind, failure.retry_after_s)


async def test_a_dead_owner_keeps_the_key_until_its_lease_ends(answers: StoredAnswers, clock: SettableClock) -> None:
    """Then the next caller looks first, and executes only what is certainly missing."""
    await abandon(answers)
    platform = Platform()
    clock.advance(timedelta(seconds=29))
    failure = await refusal(ask(answers, platform))
    assert (Kind.BUSY, 1.0) == (failure.kind, failure.retry_after_s)
    clock.advance(timedelta(seconds=1))
    assert CREATED == await ask(answers, platform)
    assert [Attempt(key="key-1", first=False, doubt_since=NOW)] == platform.looked
    assert [Attempt(key="key-1", first=False)] == platform.executed


async def test_a_dead_owners_effect_is_found(answers: StoredAnswers, clock: SettableClock) -> None:
    """The answer that settle finds is stored as the first answer."""
    await abandon(answers)
    clock.advance(LEASE)
    platform = Platform(seen=CREATED)
    assert replace(CREATED, replayed=True) == await ask(answers, platform)
    assert replace(CREATED, replayed=True) == await ask(answers, platform)
    assert ([], 1) == (platform.executed, len(platform.looked))


async def test_one_caller_at_a_time_settles(answers: StoredAnswers, clock: SettableClock) -> None:
    """The lease is taken over by compare-and-set: of ten, one looks and executes."""
    await abandon(answers)
    clock.advance(LEASE)
    platform = Platform()
    results = await asyncio.gather(*(ask(answers, platform) for _ in range(10)), return_exceptions=True)
    assert (1, 1, 1) == (len(platform.looked), len(platform.executed), results.count(CREATED))


async def test_an_owner_that_was_overtaken_changes_nothing(
    answers: StoredAnswers, database: Database, clock: SettableClock
) -> None:
    """Its late answer does not replace the one that was given meanwhile; the caller is told to ask again."""
    slow = Platform(Answer(status=201, body=b"late"))
    slow.gate.clear()
    late = asyncio.create_task(ask(StoredAnswers(database, clock, "crm-2"), slow))
    await slow.reached.wait()
    clock.advance(LEASE)
    assert CREATED == await ask(answers, Platform())
    slow.gate.set()
    assert Kind.BUSY is (await refusal(late)).kind
    assert replace(CREATED, replayed=True) == await ask(answers, Platform())


async def test_without_settle_the_work_is_simply_done_again(answers: StoredAnswers, clock: SettableClock) -> None:
    """For work that is idempotent by itself: at once after doubt, after the lease when its owner died."""
    await refusal(ask(answers, Platform(Failure(Kind.IN_DOUBT, "no answer")), settles=False))
    platform = Platform(Failure(Kind.TIMED_OUT, "slow"))
    await refusal(ask(answers, platform, settles=False))
    assert CREATED == await ask(answers, Platform(), settles=False)
    assert [Attempt(key="key-1", first=False)] == platform.executed


@pytest.mark.parametrize(
    "problem",
    [
        Failure(Kind.IN_DOUBT, "look by hand", code="needs_person"),
        Failure(Kind.UNAVAILABLE, "down"),
        Failure(Kind.DENIED, "may not look"),
        ZeroDivisionError(),
    ],
)
async def test_a_look_that_fails_settles_nothing(
    answers: StoredAnswers, clock: SettableClock, problem: BaseException
) -> None:
    """The doubt stays as old as it was, nothing is executed, and the next caller may look again at once."""
    await abandon(answers)
    clock.advance(LEASE)
    platform = Platform(seen=problem)
    with pytest.raises(type(problem)) as caught:
        await ask(answers, platform)
    assert problem is caught.value
    assert ([], [NOW]) == (platform.executed, [doubt.since for doubt in await answers.doubts()])
    assert replace(CREATED, replayed=True) == await ask(answers, Platform(seen=CREATED))


@pytest.mark.parametrize(("word", "expected"), [(CREATED, replace(CREATED, replayed=True)), (None, Answer(status=202))])
async def test_a_person_ends_doubt(answers: StoredAnswers, word: Answer | None, expected: Answer) -> None:
    """Their answer is stored; "it had no effect" frees the key."""
    await refusal(ask(answers, Platform(Failure(Kind.IN_DOUBT, "look by hand", code="needs_person"))))
    await answers.decide("psa.createProject", "key-1", word)
    assert expected == await ask(answers, Platform(Answer(status=202)))
    assert Kind.MISSING is (await refusal_of(answers.decide("psa.createProject", "key-1", None))).kind


async def refusal_of(deciding: Awaitable[None]) -> Failure:
    with pytest.raises(Failure) as caught:
        await deciding
    return caught.value


async def test_an_answer_is_kept_as_long_as_agreed(answers: StoredAnswers, clock: SettableClock) -> None:
    """An expired one is as good as none, pruned or not; what is in doubt never expires."""
    await ask(answers, Platform())
    clock.advance(KEEP)
    assert Answer(status=202) == await ask(answers, Platform(Answer(status=202)), request=b"other")
    clock.advance(KEEP)
    assert (1, 0) == (await answers.prune(), await answers.prune())
    await refusal(ask(answers, Platform(Failure(Kind.IN_DOUBT, "no answer"))))
    clock.advance(KEEP * 30)
    assert 0 == await answers.prune()
    assert 1 == len(await answers.doubts())
