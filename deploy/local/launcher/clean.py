"""`make clean`: removes what a run keeps, also what had to lie outside the clone. The packages' environment stays."""

import os
import shutil
from pathlib import Path

from launcher import places, postgres
from launcher.processes import Register, stop_all
from launcher.runlock import only_run


def clean(clone: Path) -> int:
    """Remove state, sockets and data. Raises LaunchError while this copy runs."""
    here = places.find(clone)
    here.state.mkdir(exist_ok=True)
    with only_run(here.state / "run.lock"):
        stop_all(Register(here.state / "processes.json").left_behind())
        outside = [root / places.mark(here.clone) for root in postgres.SHARED] if os.geteuid() == 0 else []
        for folder in (here.state, here.sockets, *outside):
            shutil.rmtree(folder, ignore_errors=True)
    print(f"Removed the data of the copy in {here.clone}.")
    return 0
