"""The secrets of one copy: made at first use, kept in one file that only this user may read, outside git."""

import os
import secrets
from pathlib import Path

import msgspec

from launcher.problem import LaunchError

SECRET_BYTES = 32


class Vault:
    """Named secrets. A name's secret is the same in every later run."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "secrets.json"
        self._known = self._read()

    def secret(self, name: str) -> str:
        """The secret of that name, of letters, digits, `-` and `_` only, so that it needs no quoting anywhere."""
        if name not in self._known:
            self._known[name] = secrets.token_urlsafe(SECRET_BYTES)
            write_private(self._path, msgspec.json.format(msgspec.json.encode(self._known)))
        return self._known[name]

    def _read(self) -> dict[str, str]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, str])
        except FileNotFoundError:
            return {}
        except msgspec.MsgspecError as error:
            sentence = f"{self._path} is damaged. `make clean` starts this copy anew, without its data."
            raise LaunchError(sentence) from error


def write_private(path: Path, content: bytes) -> None:
    """Write beside and rename over, readable by this user only from its first byte on."""
    beside = path.with_name(path.name + ".new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    beside.replace(path)
