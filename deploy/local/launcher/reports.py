"""What a long command leaves for programs: `.syncline/reports/<command>.json`. Names stay; later work adds to them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import psutil

from launcher.vault import write_private


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing the day expected and what was seen. `ok` is the day's own judgement of it."""

    name: str
    expected: str
    seen: str
    ok: bool


class Seconds(msgspec.Struct, frozen=True, kw_only=True):
    install: float = 0.0
    start: float = 0.0
    play: float = 0.0


class RunReport(msgspec.Struct, frozen=True, kw_only=True):
    """How a run went. `problem` says in one sentence why it failed before its checks could, else it is empty."""

    status: str  # "passed" | "failed"
    seconds: Seconds
    checks: Sequence[Check] = ()
    memory_mib: int = 0
    problem: str = ""


def write(folder: Path, command: str, report: Any) -> Path:
    """Keep the report of a command; returns where."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{command}.json"
    write_private(path, msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    return path


def install_seconds(folder: Path) -> float:
    """How long the set-up before this command took; 0.0 if it left no report."""
    try:
        report = msgspec.json.decode((folder / "install.json").read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError):
        return 0.0
    return float(report.get("seconds", 0.0))


def memory_mib(root: int) -> int:
    """Memory of a process and all below it, in MiB: shared pages are split among those who share them (PSS)."""
    try:
        top = psutil.Process(root)
        pids = [root, *(child.pid for child in top.children(recursive=True))]
    except psutil.Error:
        return 0
    return round(sum(map(_bytes_of, pids)) / 1024 / 1024)


def _bytes_of(pid: int) -> int:
    """Source: proc(5), smaps_rollup. Where there is none (not Linux), the resident size, which counts shared pages."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()
    except OSError:
        lines = []
    for line in lines:
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0
