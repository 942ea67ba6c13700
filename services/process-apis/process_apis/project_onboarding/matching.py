"""Known people are found again: a new worker of HR is matched in PSA and identity provider, never made twice."""

import msgspec
import structlog

from canonical.envelope import Event
from canonical.events import EmployeeCreated
from process_apis.operations.bindings import Bindings
from process_apis.project_onboarding.reading import new_match
from process_apis.systems.connecting import Systems
from servicekit.clock import Clock
from servicekit.failures import Failure


class Matching:
    """The handler of `employee-created`."""

    def __init__(self, systems: Systems, bindings: Bindings, clock: Clock) -> None:
        self._systems = systems
        self._bindings = bindings
        self._clock = clock

    async def on_employee_created(self, event: Event) -> None:
        """Link the worker's records where they are found beyond doubt; leave the rest to people."""
        created = msgspec.json.decode(event.data, type=EmployeeCreated)
        worker = await self._systems.hr.worker(created.worker_id)
        day = self._clock.now().date()
        entity = worker.terms[0].legal_entity_code if worker.terms else event.legalentity or ""
        try:
            bound = await self._bindings.on(entity, day, ("psa", "identity"))
        except Failure:
            structlog.get_logger(__name__).info("worker_not_matched", worker=worker.id, reason="not bound")
            return
        await self._systems.psa.match(bound.connections["psa"], new_match(worker))
        await self._systems.identity.match(bound.connections["identity"], new_match(worker))
