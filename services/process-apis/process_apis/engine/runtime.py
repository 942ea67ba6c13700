"""Starts, parks, wakes and resumes durable workflows. A worker takes a slot first: its work has an heir (D3, D13).

What the steps of a run have done is kept with the run (`operations.history`), not here.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, TypeVar

import msgspec
from dbos import DBOS, DBOSConfig, SetWorkflowID, run_dbos_database_migrations
from dbos import error as engine_error

from process_apis.engine.serializer import JsonSerializer
from servicekit.database import driver_url
from servicekit.failures import Failure
from servicekit.leases import IDLE_S, Slots

WAKE_TOPIC = "wake"
FOR_EVER_S = 10 * 365 * 24 * 3600.0
LONGEST_PAUSE_S = 3600.0
SLOTS = 16

T = TypeVar("T")
Workflow = Callable[[Mapping[str, Any]], Awaitable[Any]]


class EngineSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`schema` holds the engine's own tables. Step retries grow from `retry_first_s`, times 1.5, `retries` times.

    `steps_at_once`: when hundreds of runs are woken together, the others wait here for their turn, instead of in the
    queues of platforms and database, where waiting ends in a timeout.
    """

    schema: str
    workflow_version: str = "1"
    pool_size: int = 8
    steps_at_once: int = 12
    retries: int = 15  # with a first pause of 1 s: about 15 minutes in all
    retry_first_s: float = 1.0
    slot_idle_s: float = IDLE_S  # a worker that is frozen for longer has lost its slot, and ends when it wakes


class Engine:
    """One engine per process. Launched once, after the workflows are registered; stopped once."""

    def __init__(self, name: str, database_url: str, settings: EngineSettings) -> None:
        self._name = name
        self._url = database_url
        self._settings = settings
        self._slot = Slots(database_url, f"{settings.schema}:slot", SLOTS, idle_s=settings.slot_idle_s)
        self._room = asyncio.Semaphore(settings.steps_at_once)
        self._under_way: set[asyncio.Task[Any]] = set()

    def workflow(self, name: str, function: Workflow) -> Workflow:
        """Register a workflow function under a name that never changes."""

        async def run(request: Mapping[str, Any]) -> Any:
            """A plain function: the engine marks what it registers, and a bound method cannot be marked."""
            task = asyncio.current_task()
            assert task is not None
            self._under_way.add(task)
            try:
                return await function(request)
            finally:
                self._under_way.discard(task)

        registered: Workflow = DBOS.workflow(name=name)(run)
        return registered

    async def launch(self) -> None:
        """Take the lowest free slot and resume whatever its last holder left unfinished.

        The engine resumes runs on the event loop of the thread that launches it, else on one of its own, where our
        database and our clients do not work: so it is launched here, and the loop stands still for that moment.
        """
        slot = await self._slot.acquire()
        config = DBOSConfig(
            name=self._name,
            system_database_url=_engine_url(self._url),
            dbos_system_schema=self._settings.schema,
            application_version=self._settings.workflow_version,
            executor_id=slot.replace(":", "-"),
            serializer=JsonSerializer(),
            sys_db_pool_size=self._settings.pool_size,
            # Not asked before each transaction whether it is still there, which is a round trip: the engine tries again
            # what a lost connection broke.
            db_engine_kwargs={"pool_pre_ping": False},
            log_level="WARNING",
        )
        DBOS(config=config)
        DBOS.launch()

    async def stop(self) -> None:
        """Let go of everything; unfinished workflows are resumed by whoever takes the slot next.

        The engine had made its own threads the loop's, and has ended them: whoever works on the loop now needs others.
        """
        while self._under_way:
            for task in self._under_way:
                task.cancel()
            await asyncio.wait(self._under_way, timeout=1.0)  # the HTTP transport may lose a cancellation: then again
        await asyncio.to_thread(DBOS.destroy, destroy_registry=True, workflow_completion_timeout_sec=0)
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())
        await self._slot.release()

    async def start(self, run_id: str, workflow: Workflow, request: Mapping[str, Any]) -> None:
        """Start the run, or do nothing when it was started before."""
        with SetWorkflowID(run_id):
            await DBOS.start_workflow_async(workflow, request)  # type: ignore[arg-type]

    async def wake(self, run_id: str, key: str) -> None:
        """Tell a parked run to look again. Repeats under the same key are one."""
        await DBOS.send_async(run_id, "look", topic=WAKE_TOPIC, idempotency_key=key)

    async def sleep_until_woken(self) -> None:
        """Park the run that calls this, durably, until somebody wakes it."""
        await DBOS.recv_async(WAKE_TOPIC, timeout_seconds=FOR_EVER_S)

    async def step(self, function: Callable[..., Coroutine[Any, Any, T]], *arguments: Any) -> T:
        """Do a step; what may heal is tried again a limited number of times, with growing pauses."""
        pauses = growing(self._settings.retry_first_s, 1.5, LONGEST_PAUSE_S)
        return await self._tried(islice(pauses, self._settings.retries), function, arguments)

    async def record(self, function: Callable[..., Coroutine[Any, Any, T]], *arguments: Any) -> T:
        """A step on our own database, tried again for as long as an outage of it may last."""
        return await self._tried(growing(0.5, 1.1, 5.0), function, arguments)

    async def _tried(
        self, pauses: Iterator[float], function: Callable[..., Coroutine[Any, Any, T]], arguments: tuple[Any, ...]
    ) -> T:
        """Between two tries a step takes no room."""
        while True:
            try:
                async with self._room:
                    return await function(*arguments)
            except Failure as failure:
                pause = next(pauses, None) if failure.kind.retryable else None
                if pause is None:
                    raise
            await asyncio.sleep(pause)


def growing(first_s: float, factor: float, longest_s: float) -> Iterator[float]:
    """Pauses in seconds, without end."""
    pause = first_s
    while True:
        yield pause
        pause = min(pause * factor, longest_s)


def superseded(run_id: str) -> BaseException:
    """What a run raises that goes on elsewhere: the engine lets this execution rest, and takes over the other's end.

    No Exception, so that nobody mistakes it for the failure of a step.
    """
    return engine_error.DBOSWorkflowConflictIDError(run_id)


def prepare(database_url: str, schema: str) -> None:
    """Make the engine's own tables before anybody works on the database. Safe to repeat.

    The engine makes them at its first start otherwise, which then takes many seconds: it builds indexes concurrently,
    and each waits for every transaction of the database that is under way.
    """
    run_dbos_database_migrations(system_database_url=_engine_url(database_url), schema=schema)


def _engine_url(database_url: str) -> str:
    return driver_url(database_url).replace("postgresql://", "postgresql+psycopg://", 1)
