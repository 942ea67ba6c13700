"""A client of Kantata's API that knows nothing of ours, and the sandbox that it judges.

Its walk is singer-io/tap-mavenlink's, restated (tap_mavenlink/streams/base.py): what it is judged by is not ours.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from serving import CONTROL, running_sandbox

from system_apis.psa.kantata.sandbox import create_sandbox_app

TOKEN = "token-of-the-integration-user"


class Judge:
    """A client that knows nothing of ours."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def walk(self, path: str, **params: str) -> list[dict[str, Any]]:
        """tap-mavenlink's rule: one page after the other until meta.page_count, everything else than 200 raises."""
        found: list[dict[str, Any]] = []
        page = 1
        while True:
            answer = await self.http.get(f"/api/v1/{path}.json", params={"page": page, "per_page": 200, **params})
            if answer.status_code != 200:
                raise RuntimeError(answer.text)
            body = answer.json()
            found.extend(body[path].values())
            if page >= body["meta"]["page_count"]:
                return found
            page += 1

    async def make(self, path: str, singular: str, include: str = "", **attributes: Any) -> dict[str, Any]:
        answer = await self.http.post(f"/api/v1/{path}", params={"include": include}, json={singular: attributes})
        assert 200 == answer.status_code, answer.text
        body = answer.json()
        made: dict[str, Any] = body[path][body["results"][0]["id"]]
        return made

    async def seed(self, kind: str, record_id: str, **body: Any) -> None:
        stamp = {"created_at": "2026-01-01T00:00:00+00:00", "updated_at": "2026-01-01T00:00:00+00:00"}
        row = {"id": record_id, "body": {"id": record_id, **stamp, **body}}
        answer = await self.http.post(f"/_sandbox/records/{kind}", json=[row], headers=CONTROL)
        assert 201 == answer.status_code


@asynccontextmanager
async def judging(**config: Any) -> AsyncIterator[Judge]:
    """A judge before a sandbox of its own."""
    async with running_sandbox(create_sandbox_app, {"access_token": TOKEN, **config}) as sandbox:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(base_url=sandbox.base_url, headers=headers, timeout=10) as http:
            yield Judge(http)
