"""How a request gets in and its answer out: key, version, form, idempotency, error objects, headers.

Sources: docs.stripe.com/api (authentication, versioning, request ids, connected accounts).
"""

import asyncio
import base64
import binascii
import hmac
import json
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandboxkit.store import Record
from system_apis.billing.stripe.sandbox import refusals
from system_apis.billing.stripe.sandbox.accounts import API_VERSION, Account, Call, Handler
from system_apis.billing.stripe.sandbox.form import MalformedFormError, Tree, decode
from system_apis.billing.stripe.sandbox.idempotency import Answer, Keys
from system_apis.billing.stripe.sandbox.parameters import Shape
from system_apis.billing.stripe.sandbox.refusals import Refusal

_PLAIN = str.maketrans("-_", "aA")
METHODS = ("GET", "POST", "DELETE", "PUT", "PATCH")


@dataclass(frozen=True)
class Endpoint:
    """One method of one address: the parameters it takes and what it does."""

    method: str
    path: str
    shape: Shape
    handler: Handler


class Door:
    """Lets requests through to the endpoints of the account whose key they carry."""

    def __init__(self, accounts: Mapping[str, Account], endpoints: Sequence[Endpoint]) -> None:
        self._accounts = accounts
        self._endpoints = endpoints
        self._keys = Keys()
        self._pauses: list[tuple[re.Pattern[str], asyncio.Event]] = []

    def routes(self) -> list[BaseRoute]:
        known = [Route(one.path, self._opened(one), methods=[one.method]) for one in self._endpoints]
        return [*known, Route("/{path:path}", self._opened(None), methods=list(METHODS))]

    async def hold_execution(self, order: Record) -> Record:
        """Administrator: POSTs whose path matches begin their work and wait in it, their key in use."""
        self._pauses.append((re.compile(order.get("path", ".*")), asyncio.Event()))
        return {"holding": len(self._pauses)}

    async def release_executions(self, _: Record) -> Record:
        released, self._pauses = self._pauses, []
        for _pattern, event in released:
            event.set()
        return {"released": len(released)}

    def _opened(self, endpoint: Endpoint | None) -> Callable[[Request], Awaitable[Response]]:
        async def handle(request: Request) -> Response:
            request_id = f"req_{secrets.token_urlsafe(10).translate(_PLAIN)}"
            headers = {"Request-Id": request_id, "Stripe-Version": API_VERSION}
            try:
                account = self._admitted(request, headers)
                answer = await self._answered(request, endpoint, account, request_id)
            except Refusal as refusal:
                answer = Answer(refusal.status, refusal.body, refusal.headers)
            if request.method == "POST" and (key := request.headers.get("idempotency-key")):
                headers["Idempotency-Key"] = key
            content = json.dumps(answer.body, indent=2)
            return Response(content, answer.status, headers | answer.headers, "application/json")

        return handle

    def _admitted(self, request: Request, headers: dict[str, str]) -> Account:
        """The account that the key speaks for. Puts the version that answers into the headers."""
        key = _key(request.headers.get("authorization", ""))
        account = next((one for one in self._accounts.values() if hmac.compare_digest(one.key, key)), None)
        if account is None:
            raise refusals.wrong_key(key)
        wanted = request.headers.get("stripe-account", account.id)
        if wanted != account.id and wanted not in account.connected:
            raise Refusal(
                f"The provided key '{refusals.masked(key)}' does not have access to account '{wanted}' (or that "
                "account does not exist). Application access may have been revoked.",
                status=403,
                code="account_invalid",
                executed=False,
            )
        account = self._accounts[wanted]
        headers["Stripe-Version"] = request.headers.get("stripe-version", account.api_version)
        if headers["Stripe-Version"] != API_VERSION:
            raise Refusal(f"Invalid Stripe API version: {headers['Stripe-Version']}", executed=False)
        account.count_request()
        return account

    async def _answered(self, request: Request, endpoint: Endpoint | None, account: Account, request_id: str) -> Answer:
        if endpoint is None:
            url = f"{request.method}: {request.url.path}"
            message = f"Unrecognized request URL ({url}). Please see https://stripe.com/docs or we can help."
            raise Refusal(message, status=404, executed=False)
        tree = await _parameters(request)
        key = request.headers.get("idempotency-key") if request.method == "POST" else None

        async def execute() -> Answer:
            return await self._execute(endpoint, request, tree, account, request_id, key)

        if key is None:
            return await execute()
        return await self._keys.answer(account, key, (request.method, request.url.path, tree), request_id, execute)

    async def _execute(
        self, endpoint: Endpoint, request: Request, tree: Tree, account: Account, request_id: str, key: str | None
    ) -> Answer:
        for pattern, released in self._pauses:
            if request.method == "POST" and pattern.search(request.url.path):
                await released.wait()
        try:
            given = endpoint.shape.with_expand().read(tree)
            call = Call(account, request.path_params, given, request_id, key)
            return Answer(200, endpoint.handler(call))
        except Refusal as refusal:
            return Answer(refusal.status, refusal.body, refusal.headers, keep=refusal.executed)
        except Exception:  # the vendor answers 500 for its own mistakes, and remembers that answer
            logging.getLogger(__name__).exception("%s %s broke", request.method, request.url.path)
            return Answer(500, {"error": {"message": "An unknown error occurred.", "type": "api_error"}})


def _key(authorization: str) -> str:
    """The secret key, as a bearer token or as the user name of basic authentication."""
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() == "basic":
        try:
            credentials = base64.b64decode(credentials, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            credentials = ""
    if scheme.lower() not in {"bearer", "basic"} or not credentials.strip():
        raise refusals.no_key()
    return credentials.strip()


async def _parameters(request: Request) -> Tree:
    """Of the query for GET, of the body otherwise; a query beside a body counts too."""
    body = await request.body()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and kind not in {"", "application/x-www-form-urlencoded"}:
        raise Refusal(
            "Invalid request (check that your POST content type is application/x-www-form-urlencoded). If you have any "
            "questions, we can help at https://support.stripe.com/.",
            executed=False,
        )
    try:
        return decode(request.url.query.encode()) | decode(body)
    except MalformedFormError as error:
        raise Refusal(f"Invalid request: {error}.", executed=False) from error
