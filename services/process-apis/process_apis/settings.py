"""What every process API needs to know to start."""

import msgspec

from process_apis.engine.runtime import EngineSettings
from process_apis.operations.approvals import Authority
from process_apis.systems.connecting import SystemAddresses
from servicekit.settings import Secret, ServiceSettings


class ProcessSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a process with workflows of its own."""

    service: ServiceSettings
    cursor_key: Secret  # signs page cursors, at least 32 bytes
    engine: EngineSettings
    systems: SystemAddresses
    pool_size: int = 12  # connections to the database, the engine's own apart
    sweep_every_s: float = 0.5
    authorities: tuple[Authority, ...] = ()  # the delegation-of-authority matrix, where the process takes decisions
    auto_retry_after_s: float = 60.0  # how long a technical exception waits before the step is tried again


class OperationsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of operations. `authorities` is the delegation-of-authority matrix."""

    service: ServiceSettings
    cursor_key: Secret
    authorities: tuple[Authority, ...] = ()
