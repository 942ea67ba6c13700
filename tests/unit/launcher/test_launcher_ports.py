"""Ports stay the same from run to run and never collide with another program."""

import socket
from pathlib import Path

import pytest

from launcher import ports
from launcher.ports import EDGE, EDGE_PORT, FIRST, LAST, Claims, assign
from launcher.problem import LaunchError


def _every(_port: int) -> bool:
    return True


def test_ports_are_remembered(tmp_path: Path) -> None:
    """A later run gets the ports of the first, so that addresses in a browser stay right."""
    remembered = tmp_path / "ports.json"
    first = assign(["a", "b"], remembered, start=5, free=_every)
    assert first == {EDGE: EDGE_PORT, "a": FIRST + 5, "b": FIRST + 6}
    assert first == assign(["a", "b"], remembered, start=77, free=_every)


def test_a_taken_port_is_passed_over(tmp_path: Path) -> None:
    """Beside another running copy the next free ports are used, those of the edge too."""
    taken = {EDGE_PORT, FIRST + 5}
    found = assign(["a"], tmp_path / "ports.json", start=5, free=lambda port: port not in taken)
    assert found == {EDGE: EDGE_PORT + 1, "a": FIRST + 6}


def test_a_remembered_port_that_was_taken_meanwhile_is_replaced(tmp_path: Path) -> None:
    """What is remembered is a wish; a program that took the port keeps it."""
    remembered = tmp_path / "ports.json"
    assign(["a"], remembered, start=5, free=_every)
    found = assign(["a"], remembered, start=5, free=lambda port: port != FIRST + 5)
    assert found == {EDGE: EDGE_PORT, "a": FIRST + 6}


def test_the_search_begins_again_below_when_it_reaches_the_end(tmp_path: Path) -> None:
    """Every port of the range is tried before one gives up."""
    found = assign(["a", "b"], tmp_path / "ports.json", start=LAST - FIRST, free=_every)
    assert found == {EDGE: EDGE_PORT, "a": LAST, "b": FIRST}


def test_a_forced_port_that_is_taken_is_one_sentence(tmp_path: Path) -> None:
    """A port that the person asked for is used or named, never quietly replaced."""
    with pytest.raises(LaunchError) as caught:
        assign(["a"], tmp_path / "ports.json", start=0, forced_edge=9000, free=lambda port: port != 9000)
    expected = "Port 9000, asked for by SYNCLINE_PORT, is taken by another program. Stop it or choose another port."
    assert expected == caught.value.sentence


def test_a_forced_port_wins_over_the_remembered_one(tmp_path: Path) -> None:
    """SYNCLINE_PORT holds also for a copy that ran before."""
    remembered = tmp_path / "ports.json"
    assign([], remembered, start=0, free=_every)
    assert assign([], remembered, start=0, forced_edge=9000, free=_every) == {EDGE: 9000}


def test_damaged_memory_is_begun_anew(tmp_path: Path) -> None:
    """A file that a full disk cut short costs the remembered ports and nothing else."""
    remembered = tmp_path / "ports.json"
    remembered.write_text('{"edge": 80')
    assert assign([], remembered, start=0, free=_every) == {EDGE: EDGE_PORT}


def test_a_port_with_a_listener_is_not_free() -> None:
    """The question is put to the operating system."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not ports.is_free(server.getsockname()[1])


def test_two_runs_that_start_at_once_share_no_port(tmp_path: Path) -> None:
    """The services of the first listen only seconds later: what it has set aside is not free for the second."""
    claims = [Claims(tmp_path), Claims(tmp_path)]
    found = [assign(["a"], tmp_path / f"{number}.json", start=5, free=one.take) for number, one in enumerate(claims)]
    assert set(found[0].values()).isdisjoint(found[1].values())
    claims[0].release()
    again = assign(["a"], tmp_path / "0.json", start=5, free=claims[1].take)
    assert found[0] == again
    claims[1].release()


def test_a_port_with_a_listener_cannot_be_set_aside(tmp_path: Path) -> None:
    """Another program's port is nobody's to claim."""
    claims = Claims(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not claims.take(server.getsockname()[1])
    claims.release()
