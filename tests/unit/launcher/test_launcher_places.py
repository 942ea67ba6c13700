"""A copy works wherever its clone lies, and its private folders are private."""

import os
import stat
from pathlib import Path

import pytest

from launcher import places
from launcher.places import LONGEST_SOCKET, Places
from launcher.problem import LaunchError


def test_sockets_are_short_however_long_the_clones_path_is(tmp_path: Path) -> None:
    """No socket's path is longer than the operating system takes, in a clone with a path of 300 bytes and more."""
    clone = tmp_path.joinpath(*["a-rather-long-folder-name-of-forty-bytes"] * 8)
    clone.mkdir(parents=True)
    found = places.find(clone)
    found.sockets.rmdir()
    assert len(os.fsencode(clone)) > 300
    assert places.longest_socket(found) <= LONGEST_SOCKET


def test_two_clones_share_no_socket(tmp_path: Path) -> None:
    """The folder for sockets is the clone's own, and the same in each run."""
    assert places.mark(tmp_path / "one") != places.mark(tmp_path / "two")
    assert places.mark(tmp_path / "one") == places.mark(tmp_path / "one")


def test_a_root_that_is_too_long_is_passed_over(tmp_path: Path) -> None:
    """Of the possible folders the first short enough one is taken."""
    long = tmp_path / ("x" * 90)
    long.mkdir()
    short = Path("/tmp")
    found = places.find(tmp_path, roots=(long, short))
    found.sockets.rmdir()
    assert short == found.sockets.parent


def test_no_short_root_is_one_sentence(tmp_path: Path) -> None:
    """Where every folder is too long the person is told what to set."""
    long = tmp_path / ("x" * 90)
    long.mkdir()
    with pytest.raises(LaunchError) as caught:
        places.find(tmp_path, roots=(long,))
    expected = "There is no folder for sockets with a short enough path; set TMPDIR to one below 60 characters."
    assert expected == caught.value.sentence


def test_secrets_settings_and_data_are_for_this_user_alone(here: Places) -> None:
    """Nobody else may enter a folder that holds a secret or a database."""
    private = (
        here.secrets,
        here.settings,
        here.sandboxes,
        here.valkey,
        here.postgres_sockets,
        here.valkey_socket.parent,
    )
    assert {0o700} == {stat.S_IMODE(folder.stat().st_mode) for folder in private}


def test_a_folder_that_was_put_there_by_somebody_else_is_refused(tmp_path: Path) -> None:
    """A link in the place of the sockets' folder is not followed."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    root = Path("/tmp")
    planted = root / f"syncline-{places.mark(tmp_path)}"
    planted.symlink_to(elsewhere)
    try:
        with pytest.raises(LaunchError) as caught:
            places.find(tmp_path, roots=(root,))
    finally:
        planted.unlink()
    expected = f"{planted} belongs to somebody else. Remove it, or set TMPDIR to a folder of your own."
    assert expected == caught.value.sentence
