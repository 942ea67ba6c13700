"""Syncline as the firm's people use it: through the edge, with a token, in their own name."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Any, TypeVar
from uuid import uuid4

import httpx
import msgspec

from canonical.paging import Page
from canonical.work import Approval, ExceptionCase, Onboarding
from demo.surroundings import Surroundings

T = TypeVar("T")

ONBOARDINGS = "/process/project-onboarding/v1/onboardings"
OPERATIONS = "/process/operations/v1"
_REPEATS, _PAUSE_S = 20, 2.0


class Syncline:
    """The process and experience APIs, as the day's script calls them."""

    def __init__(self, http: httpx.AsyncClient, tokens: dict[str, str]) -> None:
        self._http = http
        self._tokens = tokens

    async def bind(
        self,
        entity: str,
        capability: str,
        connection: str,
        from_date: date,
        *,
        mode: str = "automatic",
        reason: str = "the demo firm goes live",
    ) -> None:
        """Let Syncline work with a connection for a legal entity, all by itself unless *mode* says less."""
        body = {
            "connection": connection,
            "from_date": from_date.isoformat(),
            "mode": mode,
            "reason": reason,
        }
        await self.process("PUT", f"{OPERATIONS}/bindings/{entity}/{capability}", json=body)

    async def onboardings(self) -> tuple[Onboarding, ...]:
        answer = await self.process("GET", ONBOARDINGS, params={"limit": 200})
        return msgspec.json.decode(answer.content, type=Page[Onboarding]).items

    async def onboarding(self, onboarding_id: str) -> Onboarding:
        answer = await self.process("GET", f"{ONBOARDINGS}/{onboarding_id}")
        return msgspec.json.decode(answer.content, type=Onboarding)

    async def start(self, opportunity_id: str, actor: str) -> Onboarding:
        """Ask for an onboarding, as a partner does."""
        answer = await self.process("POST", ONBOARDINGS, actor=actor, json={"opportunity_id": opportunity_id})
        return msgspec.json.decode(answer.content, type=Onboarding)

    async def retry(self, onboarding_id: str, reason: str, actor: str) -> None:
        await self.process("POST", f"{ONBOARDINGS}/{onboarding_id}/retries", actor=actor, json={"reason": reason})

    async def open_exceptions(self) -> tuple[ExceptionCase, ...]:
        params = {"open_only": "true", "limit": 200}
        answer = await self.process("GET", f"{OPERATIONS}/exceptions", params=params)
        return msgspec.json.decode(answer.content, type=Page[ExceptionCase]).items

    async def pending_approvals(self) -> tuple[Approval, ...]:
        answer = await self.process("GET", f"{OPERATIONS}/approvals", params={"status": "pending"})
        return msgspec.json.decode(answer.content, type=Page[Approval]).items

    async def approve(self, approval_id: str, reason: str, actor: str) -> None:
        body = {"decision": "approve", "reason": reason}
        await self.process("POST", f"{OPERATIONS}/approvals/{approval_id}/decisions", actor=actor, json=body)

    async def overview(self) -> dict[str, Any]:
        return await self._screen("/experience/v1/overview")

    async def project_page(self, project_id: str) -> dict[str, Any]:
        return await self._screen(f"/experience/v1/projects/{project_id}")

    async def process(
        self, method: str, path: str, *, actor: str | None = None, key: str | None = None, **more: Any
    ) -> httpx.Response:
        """A call of a process API, as that person. Raises RuntimeError with what it says against it.

        The same *key* is the same command; without one every call is another.
        """
        headers = {"Authorization": f"Bearer {self._tokens['process']}"}
        if actor is not None:
            headers["Syncline-Actor"] = actor
        if method == "POST":
            headers["Idempotency-Key"] = key or str(uuid4())
        answer = await self._http.request(method, path, headers=headers, **more)
        for _ in range(_REPEATS):
            if not (answer.is_error and answer.json().get("retryable")):
                break
            await asyncio.sleep(_PAUSE_S)  # a busy machine answers late: the same key is the same command
            answer = await self._http.request(method, path, headers=headers, **more)
        if answer.is_error:
            raise RuntimeError(f"{method} {path} was answered {answer.status_code}: {answer.text}")
        return answer

    async def _screen(self, path: str) -> dict[str, Any]:
        answer = await self._http.get(path, headers={"Authorization": f"Bearer {self._tokens['experience']}"})
        shown: dict[str, Any] = answer.raise_for_status().json()
        return shown


@asynccontextmanager
async def signed_in(told: Surroundings) -> AsyncIterator[Syncline]:
    """Syncline through the edge, with a token for each of its two open layers."""
    async with httpx.AsyncClient(base_url=told.edge, timeout=30) as http:
        tokens = {layer: await _token(http, told, layer) for layer in ("process", "experience")}
        yield Syncline(http, tokens)


async def _token(http: httpx.AsyncClient, told: Surroundings, layer: str) -> str:
    form = {"grant_type": "client_credentials", "resource": f"syncline-{layer}"}
    answer = await http.post("/oauth/token", data=form, auth=(told.client_id, told.client_secret))
    token: str = answer.raise_for_status().json()["access_token"]
    return token
