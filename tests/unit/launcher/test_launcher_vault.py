"""Secrets are made once and readable by nobody else."""

import stat
from pathlib import Path

import pytest

from launcher.problem import LaunchError
from launcher.vault import Vault, write_private


def test_a_secret_is_the_same_in_every_run(tmp_path: Path) -> None:
    """Databases and stored tokens outlive a run, so must what opens them."""
    first = Vault(tmp_path).secret("database system_crm")
    assert first == Vault(tmp_path).secret("database system_crm")
    assert first != Vault(tmp_path).secret("client system-crm")


def test_a_secret_needs_no_quoting(tmp_path: Path) -> None:
    """Secrets stand in URLs, SQL and command lines."""
    assert Vault(tmp_path).secret("x").replace("-", "").replace("_", "").isalnum()


def test_the_file_is_readable_by_this_user_alone(tmp_path: Path) -> None:
    """From its first byte on, also when it replaces a file that was open to all."""
    path = tmp_path / "secrets.json"
    path.write_text("{}")
    path.chmod(0o644)
    write_private(path, b"{}")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_damaged_file_is_one_sentence(tmp_path: Path) -> None:
    """New secrets would not open the old database, so the person decides."""
    path = tmp_path / "secrets.json"
    path.write_text("{")
    with pytest.raises(LaunchError) as caught:
        Vault(tmp_path)
    expected = f"{path} is damaged. `make clean` starts this copy anew, without its data."
    assert expected == caught.value.sentence
