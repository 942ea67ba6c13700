"""What the executions of a run have done, step by step: whoever takes the run up is told, and does none of it again.

A workflow is carried out anew from its first line by whoever takes its run up. What came of each step is kept by the
statement that writes the step down for people (`steps`): the two cannot differ, and the engine's own record of steps,
which costs two transactions and two changes of thread for each, is not needed (`make bench`).
"""

import msgspec
import structlog

from process_apis.engine.serializer import restored


class HistoryError(BaseException):
    """A run cannot go on from its history: the workflow asks for another step than was done there, or it is forgotten.

    No Exception, for no step has failed. The run stays with the engine: changed code is for a worker that knows it.
    """


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a step, as JSON. Without either of the two it is null, which the database keeps as nothing."""

    name: str
    result: str | None
    failure: str | None

    def told(self) -> str:
        """The result. Raises what the step had raised."""
        if self.failure is not None:
            raise restored(self.failure)
        return self.result or "null"


class History:
    """One execution of a run, at some place of its history. Every step asks for its place, in the workflow's order."""

    def __init__(self, run_id: str, execution: int, done: dict[int, Done]) -> None:
        self.run_id = run_id
        self.execution = execution
        self._done = done
        self._n = 0

    def next(self, name: str) -> tuple[int, Done | None]:
        """The place of this step, and what a former execution made of it. Raises HistoryError."""
        self._n += 1
        done = self._done.pop(self._n, None)
        if done is not None and done.name != name:
            structlog.get_logger(__name__).error(
                "history_differs", run=self.run_id, n=self._n, was=done.name, asked=name
            )
            raise HistoryError(f"step {self._n} was {done.name}, and is {name} now")
        return self._n, done
