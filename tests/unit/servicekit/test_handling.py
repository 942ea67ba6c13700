"""Routes that use more of the framework than ours do go its own way; the short way gives the same answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import httpx
import pytest
from litestar import Litestar, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, HeaderParameter, QueryParameter
from litestar.types import ASGIApp, Receive, Scope, Send

from servicekit.handling import handling


@get("/plain/{number:int}", dependencies={"two": Provide(lambda: 2, sync_to_thread=False)})
async def plain(number: FromPath[int], two: NamedDependency[int]) -> int:
    return number * two


def _tripled(two: NamedDependency[int]) -> int:
    return two * 3 // 2


@get(
    "/chained",
    dependencies={
        "two": Provide(lambda: 2, sync_to_thread=False),
        "three": Provide(_tripled, sync_to_thread=False),
    },
)
async def chained(three: NamedDependency[int]) -> int:
    return three


@get("/none")
async def none() -> int:
    return 1


async def _awaited() -> int:
    return 2


@get("/awaited", dependencies={"two": Provide(_awaited)})
async def awaited(two: NamedDependency[int]) -> int:
    return two


def _cleaned_up() -> Iterator[int]:
    yield 2


@get("/cleaned-up", dependencies={"two": Provide(_cleaned_up)})
async def cleaned_up(two: NamedDependency[int]) -> int:
    return two


def _asked(limit: Annotated[int, QueryParameter(ge=1)]) -> int:
    return limit


@get("/asked", dependencies={"two": Provide(_asked, sync_to_thread=False)})
async def asked(two: NamedDependency[int]) -> int:
    return two


@get("/kept", cache=60)
async def kept() -> int:
    return 1


@get("/sync", sync_to_thread=False)
def sync() -> int:
    return 1


@get("/given/{number:int}", dependencies={"two": Provide(lambda: 2, sync_to_thread=False)})
async def given(
    number: FromPath[int],
    two: NamedDependency[int],
    limit: Annotated[int, QueryParameter(ge=1)] = 20,
    tag: Annotated[str | None, HeaderParameter(name="If-None-Match")] = None,
) -> list[object]:
    return [number, two, limit, tag]


@pytest.mark.parametrize(
    ("handler", "is_short"),
    [
        (plain, True),
        (given, True),
        (chained, True),
        (none, True),
        (awaited, False),
        (cleaned_up, False),
        (asked, False),
        (kept, False),
        (sync, False),
    ],
    ids=lambda value: getattr(value, "handler_name", None) or str(value),
)
def test_only_a_route_whose_dependencies_are_at_hand_goes_the_short_way(handler: object, is_short: bool) -> None:
    """Whatever is awaited, cleaned up after, checked, cached or run in a thread is the framework's business."""
    (route,) = [one for one in Litestar([handler], openapi_config=None).routes if one.path != "/"]  # type: ignore[list-item]
    found, model = route.route_handler_map["GET"]  # type: ignore[union-attr]
    assert is_short is (handling(found, model) is not None)


class Short:
    """Middleware that goes the short way with every request."""

    def __init__(self, app: ASGIApp) -> None:
        del app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        (route,) = [one for one in scope["litestar_app"].routes if one.path != "/"]
        found, model = route.route_handler_map["GET"]
        short = handling(found, model)
        assert short is not None
        await short(scope, receive, send)


@pytest.mark.parametrize(
    ("path", "headers", "wanted"),
    [
        ("/given/4", {}, [4, 2, 20, None]),
        ("/given/4", {"accept": "*/*"}, [4, 2, 20, None]),
        ("/given/4", {"IF-NONE-MATCH": '"a"'}, [4, 2, 20, '"a"']),
        ("/given/4?limit=7", {}, [4, 2, 7, None]),
        ("/given/4?limit=7", {"if-none-match": '"a"'}, [4, 2, 7, '"a"']),
        ("/given/4?limit=0", {}, 400),
        ("/given/-4", {}, [-4, 2, 20, None]),
    ],
)
async def test_the_short_way_takes_what_the_long_one_takes(path: str, headers: dict[str, str], wanted: object) -> None:
    """Whether a request gives parameters or none."""
    answers = []
    for middleware in ([Short], []):
        app = Litestar([given], middleware=middleware, openapi_config=None)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://a") as http:
            answer = await http.get(path, headers=headers)
            answers.append(answer.json() if answer.status_code == 200 else answer.status_code)
    assert [wanted, wanted] == answers
