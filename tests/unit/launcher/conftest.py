"""A copy of Syncline in a folder of the test's own."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from launcher import places
from launcher.places import Places


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Places]:
    """The places of a copy, made; its folder for sockets goes with the test."""
    found = places.find(tmp_path)
    found.make()
    yield found
    shutil.rmtree(found.sockets)
