"""Outbound HTTP: a client per upstream with bounded concurrency, deadline, safe retries, breaker, trace, auth (D9)."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Protocol, Self, TypeVar

import httpx
import msgspec
from opentelemetry.trace import Span

from servicekit.breaker import Breaker, RetryBudget
from servicekit.failures import Failure, Kind
from servicekit.problems import PROBLEM_MEDIA_TYPE, PROBLEM_PATH, Problem
from servicekit.telemetry import carry, client_span, mark_failed
from servicekit.transport import LOST, NOT_SENT, http_client, whole

T = TypeVar("T")

IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
RETRIED_STATUSES = frozenset({429, 502, 503, 504})
_BREAKING_STATUSES = frozenset({502, 503, 504})
_STEP = re.compile(r"[A-Za-z0-9_-]{1,200}")
_BACKOFF_S, _BACKOFF_CAP_S = 0.05, 2.0
_BACKSTOP_S = 1.0  # after its deadline a request's connection is let go by the transport, this much later


def in_path(name: str) -> str:
    """What a caller named, as one step of a path of ours and no more. MISSING: nothing of ours is called so.

    To quote it is not enough: a quoted slash is a slash again before the other service looks for its route.
    """
    if _STEP.fullmatch(name) is None:
        raise Failure(Kind.MISSING, "There is nothing of this name.")
    return name


class Credentials(Protocol):
    """What an upstream wants to see in the headers of a request."""

    async def headers(self) -> Mapping[str, str]: ...

    async def refused(self) -> None:
        """The upstream answered 401: forget what is cached. One replay follows."""


class Upstream:
    """A system that is called over HTTP. Raises Failure UNAVAILABLE, TIMED_OUT and IN_DOUBT; statuses are the caller's.

    *timeout_s* bounds a whole call: waiting for a place, every attempt and the pauses between them.
    What may not be repeated goes over a connection of its own: on a kept one that the server is just closing it would
    be in doubt without need.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        *,
        auth: Credentials | None = None,
        http: httpx.AsyncClient | None = None,
        concurrency: int = 16,
        timeout_s: float = 10.0,
        retries: int = 2,
        breaker_failures: int = 5,
        breaker_open_s: float = 5.0,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.name = name
        self._base_url = base_url.rstrip("/")
        self._auth = auth
        self._http = http or http_client()
        self._fresh = http or http_client(keeps=False)
        self._places = asyncio.Semaphore(concurrency)
        self._timeout_s = timeout_s
        self._retries = retries
        self._monotonic = monotonic
        self._sleep = sleep
        self._budget = RetryBudget()
        self.breaker = Breaker(failures=breaker_failures, open_s=breaker_open_s, monotonic=monotonic)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._http.aclose()
        await self._fresh.aclose()

    async def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: object = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        idempotent: bool | None = None,
        timeout_s: float | None = None,
    ) -> httpx.Response:
        """The answer, whatever its status. *path* is below the base URL, or a whole URL on the same host.

        *idempotent* says that repeating the request is safe; unsaid, the method decides (POST and PATCH are not).
        """
        repeatable = method in IDEMPOTENT_METHODS if idempotent is None else idempotent
        prepared = dict(headers or {})
        if json is not None:
            content = msgspec.json.encode(json)
            prepared.setdefault("Content-Type", "application/json")
        deadline_s = timeout_s or self._timeout_s
        request = self._http.build_request(
            method,
            self._url(path),
            params=_present(params),
            content=content,
            headers=prepared,
            timeout=whole(deadline_s + _BACKSTOP_S),
        )
        span_attributes = {"http.request.method": method, "server.address": request.url.host, "peer.service": self.name}
        with client_span(f"{method} {self.name}", span_attributes) as span:
            carry(request.headers)
            try:
                response = await self._within(request, repeatable, deadline_s)
            except Failure as failure:
                mark_failed(span, failure.code)
                raise
            _describe(span, response)
            return response

    async def call(
        self,
        method: str,
        path: str,
        *,
        returns: type[T],
        body: object = None,
        params: Mapping[str, Any] | None = None,
        key: str | None = None,
        actor: str | None = None,
        no_store: bool = True,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> T:
        """Calls a service of our own and reads its answer as *returns* (`NoneType`: nothing to read).

        *key* is sent as Idempotency-Key and makes the call safe to repeat; *no_store* refuses stale answers.
        A problem becomes the Failure that it was over there.
        """
        prepared = {"Accept": "application/json", **(headers or {})}
        if key is not None:
            prepared["Idempotency-Key"] = key
        if actor is not None:
            prepared["Syncline-Actor"] = actor
        if no_store:
            prepared["Cache-Control"] = "no-store"
        idempotent = True if key is not None else None
        response = await self.send(
            method, path, params=params, json=body, headers=prepared, idempotent=idempotent, timeout_s=timeout_s
        )
        if not response.is_success:
            raise problem_to_failure(response)
        return _read(response, returns, self.name)

    async def _within(self, request: httpx.Request, repeatable: bool, timeout_s: float) -> httpx.Response:
        ends_at = self._monotonic() + timeout_s
        attempt = _Attempt()
        try:
            async with asyncio.timeout(timeout_s), self._places:
                return await self._repeated(request, repeatable, ends_at, attempt)
        except TimeoutError as error:
            if attempt.sent:
                self.breaker.failed()
            raise self._late(repeatable, attempt) from error

    async def _repeated(
        self, request: httpx.Request, repeatable: bool, ends_at: float, attempt: _Attempt
    ) -> httpx.Response:
        self._budget.earn()
        for number in range(self._retries + 1):
            outcome = await self._attempt(self._http if repeatable else self._fresh, request, attempt)
            may_repeat = repeatable or (isinstance(outcome, Exception) and not attempt.sent)
            pause = self._pause(outcome, number)
            left = number < self._retries and self._monotonic() + pause < ends_at
            if not (_worth_repeating(outcome) and may_repeat and left and self._budget.spend()):
                break
            await self._sleep(pause)
        if isinstance(outcome, httpx.Response):
            return outcome
        raise self._lost(repeatable, attempt) from outcome

    async def _attempt(
        self, http: httpx.AsyncClient, request: httpx.Request, attempt: _Attempt
    ) -> httpx.Response | Exception:
        response = await self._once(http, request, attempt)
        if isinstance(response, httpx.Response) and response.status_code == HTTPStatus.UNAUTHORIZED and self._auth:
            await self._auth.refused()
            response = await self._once(http, request, attempt)
        return response

    async def _once(
        self, http: httpx.AsyncClient, request: httpx.Request, attempt: _Attempt
    ) -> httpx.Response | Exception:
        if self._auth:
            request.headers.update(await self._auth.headers())
        self.breaker.enter(self.name)
        attempt.sent = True  # until the transport says that it could not even connect
        task = asyncio.current_task()
        cancels = task.cancelling() if task else 0
        try:
            response = await http.send(request)
            if task is not None and task.cancelling() > cancels:
                raise asyncio.CancelledError  # noqa: TRY301  the transport lost a cancellation that came with the answer
        except NOT_SENT as error:
            attempt.sent = False
            self.breaker.failed()
            return error
        except LOST as error:
            self.breaker.failed()
            return error
        except BaseException:
            self.breaker.left()
            raise
        self.breaker.answered(broken=response.status_code in _BREAKING_STATUSES)
        return response

    def _pause(self, outcome: httpx.Response | Exception, number: int) -> float:
        asked = _retry_after_s(outcome) if isinstance(outcome, httpx.Response) else None
        # Full jitter: callers that failed together must not come back together.
        return asked if asked is not None else random.uniform(0, min(_BACKOFF_CAP_S, _BACKOFF_S * 2**number))  # noqa: S311

    def _late(self, repeatable: bool, attempt: _Attempt) -> Failure:
        if attempt.sent and not repeatable:
            return Failure(Kind.IN_DOUBT, f"{self.name} did not answer in time; whether it acted is not known yet.")
        return Failure(Kind.TIMED_OUT, f"{self.name} did not answer in time.")

    def _lost(self, repeatable: bool, attempt: _Attempt) -> Failure:
        if attempt.sent and not repeatable:
            return Failure(Kind.IN_DOUBT, f"The connection to {self.name} broke; whether it acted is not known yet.")
        return Failure(Kind.UNAVAILABLE, f"{self.name} cannot be reached right now.")

    def _url(self, path: str) -> str:
        if path.startswith(("http://", "https://")):
            if httpx.URL(path).netloc != httpx.URL(self._base_url).netloc:
                raise Failure(Kind.BAD_UPSTREAM, f"{self.name} pointed to an address that is not its own.")
            return path
        return self._base_url + path


def problem_to_failure(response: httpx.Response) -> Failure:
    """The Failure behind an error answer of a service of our own.

    That our credentials are not good enough over there is no fault of our caller: it becomes MISCONFIGURED.
    """
    wait = _retry_after_s(response)
    if not response.headers.get("content-type", "").startswith(PROBLEM_MEDIA_TYPE):
        kind = _PLAIN_KINDS.get(response.status_code, Kind.BAD_UPSTREAM)
        return Failure(kind, f"A service answered {response.status_code}.", retry_after_s=wait)
    try:
        problem = msgspec.json.decode(response.content, type=Problem)
    except msgspec.DecodeError:
        return Failure(Kind.BAD_UPSTREAM, "A service answered with a problem that cannot be read.")
    kind = _KINDS.get(
        problem.type.removeprefix(PROBLEM_PATH), _PLAIN_KINDS.get(response.status_code, Kind.BAD_UPSTREAM)
    )
    if kind is Kind.UNAUTHENTICATED or problem.code == "insufficient_scope":
        detail = "A service refused our own credentials."
        return Failure(Kind.MISCONFIGURED, detail, vendor_detail=problem.detail)
    return Failure(kind, problem.detail, problem.code, problem.errors, wait)


_KINDS = {kind.code: kind for kind in Kind}
_PLAIN_KINDS = {
    401: Kind.MISCONFIGURED,
    404: Kind.MISSING,
    413: Kind.TOO_LARGE,
    429: Kind.THROTTLED,
    503: Kind.UNAVAILABLE,
    504: Kind.TIMED_OUT,
}


class _Attempt:
    """Whether the request may have reached the upstream."""

    def __init__(self) -> None:
        self.sent = False


def _worth_repeating(outcome: httpx.Response | Exception) -> bool:
    return isinstance(outcome, Exception) or outcome.status_code in RETRIED_STATUSES


def _retry_after_s(response: httpx.Response) -> float | None:
    """Retry-After in seconds; its date form is not read (none of our upstreams sends it)."""
    value = response.headers.get("retry-after", "")
    return float(value) if value.isascii() and value.isdigit() else None


def _read(response: httpx.Response, wanted: type[T], name: str) -> T:
    try:
        return msgspec.json.decode(response.content or b"null", type=wanted)
    except msgspec.DecodeError as error:
        raise Failure(Kind.BAD_UPSTREAM, f"{name} answered what its contract does not allow.") from error


def _present(params: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Parameters without those that are None; dates and decimals as text, as in JSON."""
    return {name: msgspec.to_builtins(value) for name, value in params.items() if value is not None} if params else None


def _describe(span: Span, response: httpx.Response) -> None:
    span.set_attribute("http.response.status_code", response.status_code)
    if response.status_code >= HTTPStatus.BAD_REQUEST:
        mark_failed(span, str(response.status_code))
