"""Stored answers: a command is carried out once per operation key, and its first answer is given again.

An operation whose outcome is not known is never repeated before somebody has looked whether it took effect.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec
import structlog
from msgspec.structs import replace
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from servicekit.clock import Clock
from servicekit.database import DATABASE_CODES, Database
from servicekit.failures import Failure, Kind
from servicekit.ids import mint

#: A call that finds the same operation at work is told to come back after this long.
BUSY_RETRY_S = 2.0
#: The part of its lease an attempt may use: it has ended, or was cut off, before anybody else may take over.
DEADLINE_PART = 0.8
#: After these nobody can say whether the effect took place.
DOUBTFUL = frozenset({Kind.IN_DOUBT, Kind.TIMED_OUT, Kind.BAD_UPSTREAM})

TABLE = """
create table answers (
    scope text not null,
    key text not null,
    digest bytea not null,
    state text not null check (state in ('started', 'answered', 'in_doubt')),
    owner text not null,
    lease_until timestamptz not null,
    started_at timestamptz not null,
    attempts int not null default 1,
    doubt_since timestamptz,
    answered_at timestamptz,
    expires_at timestamptz not null,
    status int,
    headers jsonb,
    body bytea,
    primary key (scope, key)
);
create index answers_by_expiry on answers (expires_at) where state = 'answered';
create index answers_in_doubt on answers (doubt_since) where state = 'in_doubt';
"""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller is told. `replayed` means that this call did not carry the operation out."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = {}
    replayed: bool = False


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """What execute and settle may know. When not `first`, an earlier attempt at the same key was made.

    `doubt_since` is the moment from which on the earlier attempt's outcome is unknown; None once that is settled.
    """

    key: str
    first: bool
    doubt_since: datetime | None = None


Execute = Callable[[Attempt], Awaitable[Answer]]
Settle = Callable[[Attempt], Awaitable[Answer | None]]


class Doubt(msgspec.Struct, frozen=True, kw_only=True):
    """An operation whose outcome is not known."""

    scope: str
    key: str
    since: datetime
    attempts: int


class Operations(Protocol):
    """The part of Alembic's `op` that is needed here."""

    def execute(self, sqltext: str) -> None: ...


class _Claim(msgspec.Struct, frozen=True, kw_only=True):
    """The right to work on one key until the lease ends. `owner` is this call's alone."""

    scope: str
    key: str
    owner: str
    keep: timedelta
    doubt_since: datetime | None

    def attempt(self) -> Attempt:
        return Attempt(key=self.key, first=self.doubt_since is None, doubt_since=self.doubt_since)


def create_answers_table(op: Operations) -> None:
    """Makes the table, in a migration of the service that keeps answers."""
    op.execute(TABLE)


class StoredAnswers:
    """The answers of one service, in its own schema. *owner* names the process, for whoever reads the table."""

    def __init__(self, database: Database, clock: Clock, owner: str, lease_s: float = 30.0) -> None:
        self._database = database
        self._clock = clock
        self._owner = owner
        self._lease = timedelta(seconds=lease_s)
        self._deadline_s = lease_s * DEADLINE_PART

    async def answer(
        self,
        *,
        scope: str,
        key: str,
        request: bytes,
        execute: Execute,
        settle: Settle | None = None,
        lag_s: float = 0.0,
        keep: timedelta,
    ) -> Answer:
        """Carries the operation out, or gives its first answer again.

        *request* is what must be the same in every call with this key. *settle* looks for the effect of an earlier
        attempt; its None counts only after the lease and *lag_s* (how long the platform may take to show a write).
        Without *settle* the work must be idempotent by itself: it is simply done again.
        What execute raises decides: IN_DOUBT, TIMED_OUT, BAD_UPSTREAM, trouble with our own database, anything
        unexpected and being cut off leave the operation in doubt; any other Failure means that nothing took effect,
        and frees the key. A write that may have gone out must never be reported as UNAVAILABLE.
        Raises INVALID `idempotency_key_reused`, BUSY, IN_DOUBT, and what execute or settle raises.
        """
        claim = await self._claim(scope, key, hashlib.sha256(request).digest(), keep)
        if isinstance(claim, Answer):
            return claim
        if claim.doubt_since is None:
            return await self._carry_out(claim, claim.attempt(), execute)
        if settle is not None and (found := await self._look(claim, settle, lag_s)) is not None:
            return found
        await self._restart(claim)
        return await self._carry_out(claim, Attempt(key=key, first=False), execute)

    async def doubts(self, limit: int = 100) -> list[Doubt]:
        """What is in doubt, oldest first."""
        statement = text(
            "select scope, key, doubt_since, attempts from answers where state = 'in_doubt'"
            " order by doubt_since limit :limit"
        )
        async with self._database.connect() as connection:
            rows = await connection.execute(statement, {"limit": limit})
            return [Doubt(scope=row[0], key=row[1], since=row[2], attempts=row[3]) for row in rows]

    async def decide(self, scope: str, key: str, answer: Answer | None) -> None:
        """A person's word on an operation in doubt: its answer, or None for "it had no effect", which frees the key.

        MISSING when it is not in doubt, BUSY while somebody is looking.
        """
        now = self._clock.now()
        async with self._database.begin() as connection:
            row = await _locked(connection, scope, key)
            if row is None or row.state != "in_doubt":
                raise Failure(Kind.MISSING, "no operation with this key is in doubt", code="not_in_doubt")
            if row.lease_until > now:
                raise _busy(row.lease_until - now)
            if answer is None:
                await _delete(connection, scope, key, row.owner)
            else:
                await _write_answer(connection, scope, key, row.owner, answer, now, row.expires_at)

    async def prune(self) -> int:
        """Removes the answers that have expired; what is in doubt stays. Returns how many were removed."""
        statement = text("delete from answers where state = 'answered' and expires_at <= :now")
        async with self._database.begin() as connection:
            return (await connection.execute(statement, {"now": self._clock.now()})).rowcount

    async def keep_pruned(self, every_s: float = 3600.0) -> None:
        """Prune until cancelled, through outages of the database."""
        while True:
            try:
                await self.prune()
            except Failure as failure:
                structlog.get_logger(__name__).warning("answers_not_pruned", reason=failure.code)
            await asyncio.sleep(every_s)

    async def _claim(self, scope: str, key: str, digest: bytes, keep: timedelta) -> _Claim | Answer:
        claim = _Claim(scope=scope, key=key, owner=f"{self._owner} {mint('att')}", keep=keep, doubt_since=None)
        now = self._clock.now()
        async with self._database.begin() as connection:
            if await _insert(connection, claim, digest, now, now + self._lease):
                return claim
            row = await _locked(connection, scope, key)
            if row is None:  # it was freed between the two statements
                raise _busy(timedelta(0))
            if row.state == "answered" and row.expires_at <= now:
                await _delete(connection, scope, key, row.owner)
                await _insert(connection, claim, digest, now, now + self._lease)
                return claim
            if bytes(row.digest) != digest:
                detail = "this idempotency key was used with a different request"
                raise Failure(Kind.INVALID, detail, code="idempotency_key_reused")
            if row.state == "answered":
                return Answer(status=row.status, headers=row.headers, body=bytes(row.body), replayed=True)
            if row.lease_until > now:
                raise _busy(row.lease_until - now)
            doubt_since = row.doubt_since or row.started_at
            await _take_over(connection, claim, doubt_since, now + self._lease)
            return replace(claim, doubt_since=doubt_since)

    async def _look(self, claim: _Claim, settle: Settle, lag_s: float) -> Answer | None:
        """The answer, when the effect of an earlier attempt is found; None when it certainly did not take place."""
        assert claim.doubt_since is not None
        try:
            async with asyncio.timeout(self._deadline_s):
                found = await settle(claim.attempt())
        except TimeoutError as error:
            await self._leave_in_doubt(claim, claim.doubt_since)
            raise _in_doubt(BUSY_RETRY_S) from error
        except BaseException:
            await self._leave_in_doubt(claim, claim.doubt_since)
            raise
        if found is not None:
            await self._store(claim, found)
            return replace(found, replayed=True)
        missing_s = (claim.doubt_since + self._lease - self._clock.now()).total_seconds() + lag_s
        if missing_s > 0:
            await self._leave_in_doubt(claim, claim.doubt_since)
            raise _in_doubt(missing_s)
        return None

    async def _carry_out(self, claim: _Claim, attempt: Attempt, execute: Execute) -> Answer:
        try:
            async with asyncio.timeout(self._deadline_s):
                answer = await execute(attempt)
        except Failure as failure:
            if failure.kind not in DOUBTFUL and failure.code not in DATABASE_CODES:
                await self._free(claim)
                raise
            await self._leave_in_doubt(claim, self._clock.now())
            if failure.kind is Kind.IN_DOUBT:
                raise
            raise _in_doubt(failure.retry_after_s) from failure
        except TimeoutError as error:
            await self._leave_in_doubt(claim, self._clock.now())
            raise _in_doubt(BUSY_RETRY_S) from error
        except BaseException:
            await self._leave_in_doubt(claim, self._clock.now())
            raise
        await self._store(claim, answer)
        return answer

    async def _store(self, claim: _Claim, answer: Answer) -> None:
        now = self._clock.now()
        async with self._database.begin() as connection:
            if not await _write_answer(connection, claim.scope, claim.key, claim.owner, answer, now, now + claim.keep):
                raise _busy(timedelta(0))  # taken over: whoever has the key now will find the effect

    async def _restart(self, claim: _Claim) -> None:
        """The earlier attempt is settled: from here on this one counts."""
        now = self._clock.now()
        statement = text(
            "update answers set state = 'started', started_at = :now, doubt_since = null, lease_until = :lease_until,"
            " attempts = attempts + 1 where scope = :scope and key = :key and owner = :owner"
        )
        parameters = {"scope": claim.scope, "key": claim.key, "owner": claim.owner, "now": now}
        async with self._database.begin() as connection:
            done = await connection.execute(statement, {**parameters, "lease_until": now + self._lease})
            if not done.rowcount:
                raise _busy(timedelta(0))

    async def _leave_in_doubt(self, claim: _Claim, since: datetime) -> None:
        statement = text(
            "update answers set state = 'in_doubt', doubt_since = :since, lease_until = :now"
            " where scope = :scope and key = :key and owner = :owner"
        )
        parameters = {"scope": claim.scope, "key": claim.key, "owner": claim.owner, "since": since}
        async with self._database.begin() as connection:
            await connection.execute(statement, {**parameters, "now": self._clock.now()})

    async def _free(self, claim: _Claim) -> None:
        async with self._database.begin() as connection:
            await _delete(connection, claim.scope, claim.key, claim.owner)


async def _insert(
    connection: AsyncConnection, claim: _Claim, digest: bytes, now: datetime, lease_until: datetime
) -> bool:
    statement = text(
        "insert into answers (scope, key, digest, state, owner, lease_until, started_at, expires_at)"
        " values (:scope, :key, :digest, 'started', :owner, :lease_until, :now, :expires_at) on conflict do nothing"
    )
    parameters = {"scope": claim.scope, "key": claim.key, "owner": claim.owner, "digest": digest, "now": now}
    parameters |= {"lease_until": lease_until, "expires_at": now + claim.keep}
    return (await connection.execute(statement, parameters)).rowcount == 1


async def _locked(connection: AsyncConnection, scope: str, key: str) -> Row[Any] | None:
    statement = text("select * from answers where scope = :scope and key = :key for update")
    return (await connection.execute(statement, {"scope": scope, "key": key})).one_or_none()


async def _take_over(connection: AsyncConnection, claim: _Claim, doubt_since: datetime, lease_until: datetime) -> None:
    statement = text(
        "update answers set owner = :owner, doubt_since = :doubt_since, lease_until = :lease_until"
        " where scope = :scope and key = :key"
    )
    parameters = {"scope": claim.scope, "key": claim.key, "owner": claim.owner, "doubt_since": doubt_since}
    await connection.execute(statement, {**parameters, "lease_until": lease_until})


async def _write_answer(
    connection: AsyncConnection, scope: str, key: str, owner: str, answer: Answer, now: datetime, expires_at: datetime
) -> bool:
    statement = text(
        "update answers set state = 'answered', answered_at = :now, expires_at = :expires_at, doubt_since = null,"
        " status = :status, headers = cast(:headers as jsonb), body = :body"
        " where scope = :scope and key = :key and owner = :owner and state <> 'answered'"
    )
    parameters: dict[str, Any] = {"scope": scope, "key": key, "owner": owner, "now": now, "expires_at": expires_at}
    parameters |= {"status": answer.status, "body": answer.body}
    parameters["headers"] = msgspec.json.encode(answer.headers).decode()
    return (await connection.execute(statement, parameters)).rowcount == 1


async def _delete(connection: AsyncConnection, scope: str, key: str, owner: str) -> None:
    statement = text("delete from answers where scope = :scope and key = :key and owner = :owner")
    await connection.execute(statement, {"scope": scope, "key": key, "owner": owner})


def _busy(lease_left: timedelta) -> Failure:
    wait_s = min(max(lease_left.total_seconds(), 0.0), BUSY_RETRY_S)
    return Failure(Kind.BUSY, "the same operation is being carried out right now", retry_after_s=wait_s)


def _in_doubt(retry_after_s: float | None) -> Failure:
    detail = "it is not known yet whether the operation took effect"
    return Failure(Kind.IN_DOUBT, detail, retry_after_s=retry_after_s)
