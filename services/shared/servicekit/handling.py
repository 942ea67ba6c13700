"""Handles a request as Litestar's route does, without what no route of ours uses.

Litestar makes dependencies in tasks of their own, checks the type of what each is given, and has a place for caches,
forms, hooks and generators: all of that together costs a read more than the rest of its way (measured, `make bench`).
What reads parameters and body, checks them, and makes the answer is Litestar's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from litestar.di import Provide
from litestar.exceptions import ClientException, SerializationException
from litestar.types import Empty, Receive, Scope, Send

RESERVED = frozenset({"scope", "state", "request"})


class _Maker(msgspec.Struct, frozen=True):
    """Makes one dependency from those before it."""

    name: str
    make: Callable[..., Any]
    takes: tuple[str, ...]


class Handling:
    """A route whose dependencies are all at hand."""

    def __init__(self, handler: Any, model: Any, makers: tuple[_Maker, ...]) -> None:
        self._handler = handler
        self._model = model
        self._makers = makers
        self._request_class = handler.resolve_request_class()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = self._request_class(scope=scope, receive=receive, send=send)
        try:
            given: dict[str, Any] = await self._model.to_kwargs(connection=request)
        except SerializationException as error:
            raise ClientException(str(error)) from error
        if given.get("data") is Empty:
            del given["data"]
        for maker in self._makers:
            given[maker.name] = maker.make(**{name: given[name] for name in maker.takes})
        arguments = self._handler.signature_model.parse_values_from_connection_kwargs(connection=request, kwargs=given)
        data = await self._handler.fn(**arguments)
        answer = await self._handler.to_response(app=scope["litestar_app"], data=data, request=request)
        await answer(scope, receive, send)


def handling(handler: Any, model: Any) -> Handling | None:
    """The short way for a route, or None for one that uses more of Litestar than ours do.

    Guards are left to the caller of this. A dependency that is awaited, or takes a parameter, needs the long way.
    """
    makers = tuple(
        _Maker(one.key, one.provide.dependency, tuple(one.provide.signature_model._fields))
        for batch in model.dependency_batches
        for one in batch
    )
    provided: dict[str, Provide] = handler.resolve_dependencies()
    at_hand = {*provided, *RESERVED}
    is_short = (
        all(_is_plain(provided[maker.name]) and at_hand.issuperset(maker.takes) for maker in makers)
        and not handler.has_sync_callable
        and not model.expected_form_data
        and not (handler.cache or handler.resolve_before_request() or handler.resolve_after_response())
    )
    return Handling(handler, model, makers) if is_short else None


def _is_plain(provide: Provide) -> bool:
    cleans_up = provide.has_sync_generator_dependency or provide.has_async_generator_dependency
    return provide.has_sync_callable and not cleans_up and not provide.use_cache
