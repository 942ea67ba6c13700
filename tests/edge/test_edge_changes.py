"""What happens at the edge while things change: limits are reached, files replaced, services stopped, keys missing."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from gateway.compiler import Limits, check_rejected, publish
from servicekit.failures import Failure, Kind

ONBOARDINGS = "/process/project-onboarding/v1/onboardings"
RELOADS = 8


async def test_a_caller_over_its_limit_is_throttled_and_others_are_not(edges: Any, tmp_path: Path) -> None:
    """Each client has a bucket of its own, and a reload of the routes empties none."""
    async with edges.edge_of(tmp_path, limits=Limits(per_client_per_minute=5)) as edge, edge.client() as caller:
        greedy = edge.bearer("process", client_id="greedy")
        statuses = [(await caller.get(ONBOARDINGS, headers=greedy)).status_code for _ in range(5)]
        assert [200] * 5 == statuses
        await publish(edge.contracts, msgspec.structs.replace(edge.topology, timeout_s=20.0), edge.folder)
        await edges.eventually(lambda: _routes_taken(edge, 2))
        answers = [await caller.get(ONBOARDINGS, headers=greedy) for _ in range(5)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert len(refused) >= 3  # one token comes back each second
        assert ("throttled", True) == (refused[0].json()["code"], refused[0].json()["retryable"])
        assert "1" == refused[0].headers["retry-after"]
        other = await caller.get(ONBOARDINGS, headers=edge.bearer("process", client_id="modest"))
        assert 200 == other.status_code


async def test_routes_are_replaced_without_a_dropped_request(edges: Any, tmp_path: Path) -> None:
    """Hundreds of requests see one configuration or the other, never none."""
    async with edges.edge_of(tmp_path) as edge, edge.client() as caller:
        header = edge.bearer("process")
        statuses: list[int] = []
        done = asyncio.Event()

        async def call() -> None:
            while not done.is_set():
                statuses.append((await caller.get(ONBOARDINGS, headers=header)).status_code)

        callers = [asyncio.create_task(call()) for _ in range(8)]
        taken = (await check_rejected(edge.topology.admin)).routes_taken
        for number in range(RELOADS):
            changed = msgspec.structs.replace(edge.topology, timeouts_s={"project-onboarding.v1": 10.0 + number})
            result = await publish(edge.contracts, changed, edge.folder)
            assert not result.restart_needed
            await edges.eventually(lambda target=taken + number + 1: _routes_taken(edge, target))
        done.set()
        await asyncio.gather(*callers)
        assert len(statuses) > 300
        assert {200} == set(statuses)
        assert 0 == (await check_rejected(edge.topology.admin)).routes_rejected


async def test_a_new_api_is_offered_without_a_restart(edges: Any, tmp_path: Path) -> None:
    """Clusters come by file as well, so an API that gets an address is reachable at once."""
    async with edges.edge_of(tmp_path) as edge, edge.client() as caller:
        header = edge.bearer("process")
        services = {key: at for key, at in edge.topology.services.items() if key != "project-onboarding.v1"}
        without = msgspec.structs.replace(edge.topology, services=services)
        result = await publish(edge.contracts, without, edge.folder)
        assert (("project-onboarding.v1",), False) == (result.left_out, result.restart_needed)
        await edges.eventually(lambda: _answers(caller, header, 404))
        await publish(edge.contracts, edge.topology, edge.folder)
        await edges.eventually(lambda: _answers(caller, header, 200))


UNREADABLE = '{"resources": [{"@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration", "name": 7}]}'
UNUSABLE = """{"resources": [{"@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration", "name": "edge",
  "virtual_hosts": [{"name": "a", "domains": ["*"], "routes": [{"match": {"safe_regex": {"regex": "("}},
  "direct_response": {"status": 200}}]}]}]}"""


@pytest.mark.parametrize("content", [UNREADABLE, UNUSABLE, "{"])
async def test_a_bad_file_is_rejected_and_the_old_one_stays(edges: Any, tmp_path: Path, content: str) -> None:
    """Envoy refuses what it cannot read, goes on as before, and check_rejected says so."""
    async with edges.edge_of(tmp_path) as edge, edge.client() as caller:
        assert 0 == (await check_rejected(edge.topology.admin)).routes_rejected
        beside = edge.folder / "bad"
        beside.write_text(content)
        beside.replace(edge.folder / "routes.json")
        await edges.eventually(lambda: _routes_rejected(edge))
        answer = await caller.get(ONBOARDINGS, headers=edge.bearer("process"))
        assert 200 == answer.status_code


async def test_what_envoy_refuses_is_never_written(edges: Any, tmp_path: Path) -> None:
    """The compiler asks Envoy first; a refusal leaves the files as they were."""
    async with edges.edge_of(tmp_path) as edge:
        before = (edge.folder / "routes.json").read_bytes()
        impossible = msgspec.structs.replace(edge.topology, timeouts_s={"project-onboarding.v1": -1.0})
        with pytest.raises(Failure) as caught:
            await publish(edge.contracts, impossible, edge.folder)
        assert Kind.MISCONFIGURED is caught.value.kind
        assert "Envoy refuses the compiled configuration" == caught.value.detail
        assert before == (edge.folder / "routes.json").read_bytes()


async def test_an_admin_address_without_an_edge_is_unavailable(edges: Any) -> None:
    """Nobody there is a failure of its own, not zero rejections."""
    with pytest.raises(Failure) as caught:
        await check_rejected(f"127.0.0.1:{edges.free_port()}")
    assert Kind.UNAVAILABLE is caught.value.kind


async def test_the_admin_interface_may_be_a_socket_file(edges: Any, tmp_path: Path) -> None:
    """A Unix socket keeps the admin interface away from every network."""
    async with edges.edge_of(tmp_path, admin="unix:" + str(edges.short_folder() / "admin")) as edge:
        assert 1 == (await check_rejected(edge.topology.admin)).routes_taken


async def test_tokens_that_cannot_be_checked_are_our_fault(edges: Any, tmp_path: Path) -> None:
    """While the issuer's keys cannot be had, the answer is 503 and retryable, not 401."""
    nobody = f"http://127.0.0.1:{edges.free_port()}/oauth/jwks"
    async with edges.edge_of(tmp_path, jwks=nobody, wait_for_keys=False) as edge, edge.client() as caller:
        answer = await caller.get(ONBOARDINGS, headers=edge.bearer("process"))
    assert (503, "unavailable", True) == (answer.status_code, answer.json()["code"], answer.json()["retryable"])
    assert "1" == answer.headers["retry-after"]


async def _routes_taken(edge: Any, count: int) -> bool:
    return (await check_rejected(edge.topology.admin)).routes_taken >= count


async def _routes_rejected(edge: Any) -> bool:
    return (await check_rejected(edge.topology.admin)).routes_rejected == 1


async def _answers(caller: Any, header: dict[str, str], status: int) -> bool:
    answer: httpx.Response = await caller.get(ONBOARDINGS, headers=header)
    return answer.status_code == status
