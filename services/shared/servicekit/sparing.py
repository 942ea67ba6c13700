"""Imported first by each program: no service draws on a terminal, so what does is not loaded.

httpx and structlog load `rich` and `pygments` wherever they are installed (httpx/__init__.py, structlog/dev.py), and do
without them where they are not: 4 MiB less in every process.
"""

import sys

for _name in ("rich", "pygments"):
    sys.modules[_name] = None  # type: ignore[assignment]  # what the import system takes for "not installed"
