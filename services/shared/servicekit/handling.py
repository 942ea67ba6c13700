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


class _Bare(msgspec.Struct, frozen=True):
    """What a request gives that has no parameters but those of its path, as most have: then nothing is to be read."""

    headers: frozenset[bytes]
    path: tuple[tuple[str, str], ...]  # name in the path, name in the route
    defaults: dict[str, Any]
    reserved: frozenset[str]

    def given(self, request: Any) -> dict[str, Any] | None:
        """The arguments before dependencies; None for a request that gives more."""
        scope = request.scope
        if scope["query_string"] or any(name in self.headers for name, _ in scope["headers"]):
            return None
        known = {"scope": scope, "request": request}
        return {
            **self.defaults,
            **{name: scope["path_params"][alias] for alias, name in self.path},
            **{name: known[name] for name in self.reserved},
        }


class Handling:
    """A route whose dependencies are all at hand."""

    def __init__(self, handler: Any, model: Any, makers: tuple[_Maker, ...]) -> None:
        self._handler = handler
        self._model = model
        self._makers = makers
        self._request_class = handler.resolve_request_class()
        self._bare = _bare(model)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = self._request_class(scope=scope, receive=receive, send=send)
        try:
            given = self._bare.given(request) if self._bare else None
            if given is None:
                given = dict(await self._model.to_kwargs(connection=request))
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


def _bare(model: Any) -> _Bare | None:
    """None for a route that takes a body, or a parameter that has to be given elsewhere than in the path."""
    taken = {*model.expected_query_params, *model.expected_header_params, *model.expected_cookie_params}
    has_defaults = not any(one.is_required or one.default is Ellipsis for one in taken)
    if model.expected_cookie_params or not (has_defaults and model.expected_reserved_kwargs <= {"scope", "request"}):
        return None
    return _Bare(
        headers=frozenset(one.field_alias.lower().encode() for one in model.expected_header_params),
        path=tuple((one.field_alias, one.field_name) for one in model.expected_path_params),
        defaults={one.field_name: one.default for one in taken},
        reserved=frozenset(model.expected_reserved_kwargs),
    )
