"""How a run does each step once: tried while it may heal, seen by people, and kept for whoever takes the run up."""

from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from types import CodeType
from typing import Any, TypeVar, get_type_hints

import msgspec
import structlog

from process_apis.engine.runtime import Engine
from process_apis.engine.serializer import stored
from process_apis.operations.history import History
from process_apis.operations.runs import Launch, Runs
from process_apis.operations.steps import BEGUN, StepChange
from servicekit.clock import Clock
from servicekit.failures import Failure
from servicekit.telemetry import Telemetry, continue_from, current_trace_id

T = TypeVar("T")
Step = Callable[..., Coroutine[Any, Any, T]]

_returned: dict[CodeType, Any] = {}


class Steps:
    """The steps of one execution of a run. What a former execution has done is told, and not done again."""

    def __init__(self, launch: Launch, engine: Engine, runs: Runs[Any], telemetry: Telemetry, clock: Clock) -> None:
        self._launch = launch
        self._engine = engine
        self._runs = runs
        self._telemetry = telemetry
        self._clock = clock
        self._history: History | None = None  # opened by the first step

    async def do(self, name: str, system: str | None, step: Step[T], *arguments: Any) -> T:
        """A step that people see. Raises what it raised in the end."""
        return await self._once(name, step, self._engine.step, partial(self._try, name, system, step, arguments))

    async def record(self, name: str, function: Step[T], *arguments: Any) -> T:
        """Our own record-keeping, which waits for our database as long as it takes. Raises what it raised."""
        return await self._once(name, function, self._engine.record, partial(self._note, name, function, arguments))

    async def _once(self, name: str, step: Step[T], tried: Step[bytes], doing: Callable[[int], Awaitable[bytes]]) -> T:
        n, done = (await self._opened()).next(name)
        result = await self._kept(name, n, tried, doing) if done is None else done.told()
        value: T = msgspec.json.decode(result, type=returned_by(step))
        return value

    async def _opened(self) -> History:
        if self._history is None:
            self._history = await self._engine.record(self._runs.opened, self._launch.run_id)
        return self._history

    async def _kept(self, name: str, n: int, tried: Step[bytes], doing: Callable[[int], Awaitable[bytes]]) -> bytes:
        """*doing* keeps its result itself, together with what people see of it; what it raised is kept here."""
        try:
            return await tried(doing, n)
        except Exception as error:
            await self._engine.record(partial(self._tell, name, n=n, failure=msgspec.Raw(stored(error))))
            raise

    async def _try(self, name: str, system: str | None, step: Step[Any], arguments: tuple[Any, ...], n: int) -> bytes:
        launch = self._launch
        self._telemetry.activate()
        with continue_from(launch.trace_parent, name=name, correlation=launch.correlation_id):
            await self._tell(name, state=BEGUN, system=system, trace_id=current_trace_id())
            try:
                result = msgspec.json.encode(await step(*arguments))
            except Failure as failure:
                structlog.get_logger(__name__).warning("step_failed", run=launch.run_id, step=name, code=failure.code)
                state = "retrying" if failure.kind.retryable else "failed"
                await self._tell(name, state=state, detail=failure.detail)
                raise
            await self._tell(name, state="done", n=n, result=msgspec.Raw(result))
            return result

    async def _note(self, name: str, function: Step[Any], arguments: tuple[Any, ...], n: int) -> bytes:
        result = msgspec.json.encode(await function(*arguments))
        await self._tell(name, n=n, result=msgspec.Raw(result))
        return result

    async def _tell(self, name: str, **of_it: Any) -> None:
        """Write down what became of a step."""
        history = await self._opened()
        change = StepChange(
            run_id=history.run_id, execution=history.execution, name=name, at=self._clock.now(), **of_it
        )
        await self._runs.write_step(change)


def returned_by(step: Step[Any]) -> Any:
    """The type of a step's result, looked up once for each function of the source."""
    code: CodeType = step.__code__  # functions and methods have it
    if code not in _returned:
        _returned[code] = get_type_hints(step)["return"]
    return _returned[code]
