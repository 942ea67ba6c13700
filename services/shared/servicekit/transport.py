"""The HTTP client that everything outbound uses: httpx's interface on pyreqwest's transport. Source: pyreqwest 0.15.1.

Three faults of that transport are mended here, each held by a test in tests/unit/servicekit/test_upstream.py:

- It adds up httpx's four time-outs into one; so only one of them is ever set (`whole`).
- A request that is cancelled keeps its connection until the server or a time-out ends it; so every request has one.
- It calls every error before the answer a ConnectError or ConnectTimeout, also when the request had already been sent.
  Believing that would repeat a payment: only an error of the connecting phase stays one, the rest become ReadErrors.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
from pyreqwest.client import ClientBuilder
from pyreqwest.compatibility.httpx import HttpxTransport
from pyreqwest.exceptions import DetailedPyreqwestError, PyreqwestError

CONNECT_TIMEOUT_S = 3.0
LONGEST_S = 60.0  # a request without a time-out of its own ends after this
# Below uvicorn's keep-alive of 5 s: a pooled connection must not be chosen while its server is closing it.
_IDLE_TIMEOUT_S = 4.0
_CONNECTING = "client error (Connect)"  # hyper's name of the phase in which nothing has been sent yet

#: The connection could not be made: nothing was sent, repeating is safe for every request.
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout)
#: No usable answer came, and the request may have been acted on.
LOST = (httpx.TransportError, httpx.DecodingError, PyreqwestError)


class Transport(HttpxTransport):
    """pyreqwest's transport, telling truthfully whether a request was sent."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await super().handle_async_request(request)
        except httpx.ConnectTimeout as error:
            if _while_connecting(error):
                raise
            raise httpx.ReadTimeout("no answer in time", request=request) from error
        except httpx.ConnectError as error:
            if _while_connecting(error):
                raise
            raise httpx.ReadError("the connection broke", request=request) from error


class _Forgetting(httpx.Cookies):
    """Keeps none. Reading an answer for cookies, which ours never have, also costs a twentieth of a call."""

    def extract_cookies(self, response: httpx.Response) -> None:
        """Whatever it sets is passed over."""


class _Client(httpx.AsyncClient):
    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._cookies = _Forgetting()  # the public setter would make a copy of httpx's own kind


def http_client(*, keeps: bool = True, connect_timeout_s: float = CONNECT_TIMEOUT_S) -> httpx.AsyncClient:
    """A client without redirects, cookies, and proxies from the environment. Deadlines are the caller's own.

    One that *keeps* nothing makes a connection for each request: its server cannot have begun to close it.
    """
    builder = (
        ClientBuilder()
        .follow_redirects(enable=False)
        .no_proxy()
        .connect_timeout(timedelta(seconds=connect_timeout_s))
        .pool_idle_timeout(timedelta(seconds=_IDLE_TIMEOUT_S))
        .tcp_nodelay(enabled=True)
    )
    if not keeps:
        builder = builder.pool_max_idle_per_host(0)
    return _Client(
        transport=Transport(builder.build()),
        timeout=whole(LONGEST_S),
        follow_redirects=False,
        trust_env=False,
        headers={"User-Agent": "syncline", "Accept-Encoding": "gzip"},
    )


def whole(seconds: float) -> httpx.Timeout:
    """A time-out for the whole request, as this transport understands it."""
    return httpx.Timeout(None, read=seconds)


def _while_connecting(error: httpx.RequestError) -> bool:
    cause = error.__cause__
    if not isinstance(cause, DetailedPyreqwestError):
        return False
    return any(found["message"] == _CONNECTING for found in cause.details["causes"] or ())
