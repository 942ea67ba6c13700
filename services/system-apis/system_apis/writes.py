"""Every write to a vendor is claimed by its key first, and doubt about it is settled the way the vendor allows."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta

from servicekit.answers import Answer, Attempt, StoredAnswers
from servicekit.failures import Failure, Kind

IdempotencyKey = Annotated[str, Meta(min_length=8, max_length=200, pattern=r"^[A-Za-z0-9_.:-]+$")]

# Financial postings are remembered by business key for 400 days; set-up commands need no longer.
KEEP = timedelta(days=400)

T = TypeVar("T", bound=msgspec.Struct)

_SAFE_TO_REPEAT = frozenset({"native_key", "unique_id"})


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """How doubt about a write is settled.

    native_key: the vendor replays its first answer for the same key, for a time. unique_id: the vendor refuses or
    ignores a second record under our id. Either way sending again is safe; we look first all the same, for the vendor
    may have forgotten the key. marker_search: we look for our own marker, and not finding it counts only after the
    write's lease and `lag_s`. none: a person looks.
    """

    kind: Literal["native_key", "unique_id", "marker_search", "none"]
    lag_s: float = 0.0


class Writes:
    """Performs a vendor write once per (operation, key), whoever asks how often."""

    def __init__(self, answers: StoredAnswers) -> None:
        self._answers = answers

    async def perform(
        self,
        operation: str,
        key: str,
        request: msgspec.Struct | None,
        *,
        settlement: Settlement,
        send: Callable[[], Awaitable[T]],
        found: Callable[[], Awaitable[T | None]],
        returns: type[T],
    ) -> T:
        """The record that the first effective try made.

        Raises what `send` raises; BUSY while another caller works under the key; IN_DOUBT until doubt is settled;
        INVALID `idempotency_key_reused` for the key with another request.
        """

        async def execute(attempt: Attempt) -> Answer:
            if not attempt.first and settlement.kind in _SAFE_TO_REPEAT and (earlier := await found()) is not None:
                return _to_answer(earlier)
            return _to_answer(await send())

        async def settle(_: Attempt) -> Answer | None:
            earlier = await found()
            if earlier is None and settlement.kind == "none":
                raise Failure(Kind.IN_DOUBT, "nobody can tell whether the write arrived", code="needs_person")
            return None if earlier is None else _to_answer(earlier)

        answer = await self._answers.answer(
            scope=operation,
            key=key,
            request=b"" if request is None else msgspec.json.encode(request, order="deterministic"),
            execute=execute,
            settle=None if settlement.kind in _SAFE_TO_REPEAT else settle,
            lag_s=settlement.lag_s,
            keep=KEEP,
        )
        return msgspec.json.decode(answer.body, type=returns)


def _to_answer(record: msgspec.Struct) -> Answer:
    return Answer(status=200, body=msgspec.json.encode(record))
