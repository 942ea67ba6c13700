"""Commands of callers: carried out once per idempotency key, the first answer given again (D12)."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated

import msgspec
from litestar import Response
from litestar.params import HeaderParameter

from servicekit.answers import Answer, Attempt, StoredAnswers
from servicekit.auth import Caller

KEEP = timedelta(hours=24)
KEY_PATTERN = r"^[A-Za-z0-9_.:-]{8,200}$"

IdempotencyKey = Annotated[
    str,
    HeaderParameter(
        name="Idempotency-Key",
        pattern=KEY_PATTERN,
        description="Names the command: a repeat under the same key gets the first answer again, for 24 hours.",
    ),
]


async def once(
    answers: StoredAnswers,
    caller: Caller,
    operation: str,
    key: str,
    request: msgspec.Struct,
    carry_out: Callable[[], Awaitable[Answer]],
) -> Response[bytes]:
    """The answer to a command. Keys of different clients and operations never meet.

    A key is one person's: the same request under it by another actor of the client is another request.
    Raises INVALID `idempotency_key_reused`, BUSY, and what *carry_out* raises.
    """

    async def execute(_: Attempt) -> Answer:
        return await carry_out()

    answer = await answers.answer(
        scope=f"{caller.client_id} {operation}",
        key=key,
        request=msgspec.json.encode((caller.actor, request), order="deterministic"),
        execute=execute,
        keep=KEEP,
    )
    headers = {**answer.headers, **({"Idempotent-Replayed": "true"} if answer.replayed else {})}
    return Response(content=answer.body, status_code=answer.status, media_type="application/json", headers=headers)
