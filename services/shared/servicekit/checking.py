"""Every mistake in a document at once, each with its place: msgspec stops at the first one, people want the list."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Generic, TypeVar

import msgspec

from servicekit.failures import Failure, FieldError, Kind

T = TypeVar("T")
DecodeHook = Callable[[type, Any], Any]
_Check = Callable[[Any], bool]

# The decimal numbers that our contracts allow: no exponent, no NaN, no leading plus.
DECIMAL_PATTERN = r"^-?[0-9]+(\.[0-9]+)?$"
_DECIMAL = re.compile(DECIMAL_PATTERN, re.ASCII)
_PLACE = re.compile(r"^(?P<text>.*?)(?: - at `(?P<place>[^`]*)`)?$", re.DOTALL)
_ESCAPED_NUL = b"\\u0000"  # no store of ours keeps NUL in a text
_UNIONS = (typing.Union, types.UnionType)
_SEQUENCES = (list, tuple, set, frozenset)


class Reader(Generic[T]):
    """Reads JSON as one type, strictly; a refusal lists every mistake. Keep one per type: building it costs."""

    def __init__(self, wanted: Any, dec_hook: DecodeHook | None = None) -> None:
        self._wanted = wanted
        self._dec_hook = dec_hook
        self._decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(wanted, dec_hook=dec_hook)
        # msgspec takes a JSON number for a Decimal, and with it a float's rounding, and knows of no open enumeration:
        # the texts themselves are looked at first.
        self._texts_are_fit = _text_check(wanted, {})

    def read(self, body: bytes) -> T:
        """The decoded body. Fails MALFORMED when it is not JSON, INVALID when it does not fit, with a pointer each."""
        if _ESCAPED_NUL in body and (places := [*_nuls(_document(body), "")]):
            raise _invalid([FieldError(pointer=at, code="invalid", message="No NUL may stand here.") for at in places])
        if self._texts_are_fit is not None and not self._texts_are_fit(_document(body)):
            raise self._refusal(body)
        try:
            return self._decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self._refusal(body) from error

    def _refusal(self, body: bytes) -> Failure:
        document = _document(body)
        found = [*mistakes(document, self._wanted, dec_hook=self._dec_hook)]
        return _invalid(found or [FieldError(pointer="", code="invalid", message="The body does not fit its schema.")])


def mistakes(value: object, wanted: Any, *, dec_hook: DecodeHook | None = None, at: str = "") -> Iterator[FieldError]:
    """Every mistake in *value* (JSON as Python objects) seen as a *wanted*; `at` is the JSON Pointer of *value*."""
    known = known_values(wanted)
    if known and isinstance(value, str) and value not in known:
        yield FieldError(pointer=at, code="unknown_value", message=f"Expected one of {', '.join(sorted(known))}.")
        return
    found = [*_inner_mistakes(value, _bare(wanted), dec_hook, at)]
    yield from found or _own_mistake(value, wanted, dec_hook, at)


def known_values(wanted: Any) -> frozenset[str]:
    """The values of an open enumeration that we know; empty if *wanted* is none.

    Callers must live with values they do not know, but nobody can carry out a command that has one (Zalando RESTful
    API guidelines, rule 112).
    """
    if typing.get_origin(wanted) is typing.Annotated:
        inner, *metas = typing.get_args(wanted)
        for meta in metas:
            if isinstance(meta, msgspec.Meta) and (listed := (meta.extra_json_schema or {}).get("x-extensible-enum")):
                return frozenset(listed)
        return known_values(inner)
    if typing.get_origin(wanted) in _UNIONS:
        return frozenset().union(*map(known_values, typing.get_args(wanted)))
    return frozenset()


def _nuls(value: object, at: str) -> Iterator[str]:
    """Where in a document a text, or a field's name, has NUL in it."""
    if isinstance(value, str) and "\0" in value:
        yield at
    elif isinstance(value, dict):
        for name, part in value.items():
            if "\0" in name:
                yield at
            yield from _nuls(part, pointer(at, name))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _nuls(part, pointer(at, index))


def pointer(at: str, name: object) -> str:
    """*at* one step further down, by RFC 6901."""
    return f"{at}/{str(name).replace('~', '~0').replace('/', '~1')}"


def _inner_mistakes(value: object, wanted: Any, dec_hook: DecodeHook | None, at: str) -> Iterator[FieldError]:
    origin = typing.get_origin(wanted) or wanted
    arguments = typing.get_args(wanted)
    if isinstance(origin, type) and issubclass(origin, msgspec.Struct) and isinstance(value, dict):
        yield from _struct_mistakes(value, wanted, origin, dec_hook, at)
    elif isinstance(origin, type) and issubclass(origin, Mapping) and isinstance(value, dict) and arguments:
        for name, part in value.items():
            yield from mistakes(part, arguments[1], dec_hook=dec_hook, at=pointer(at, name))
    elif origin in _SEQUENCES and isinstance(value, list) and arguments:
        fixed = origin is tuple and arguments[-1] is not Ellipsis
        for index, part in enumerate(value):
            inner = arguments[0] if not fixed else arguments[index] if index < len(arguments) else Any
            yield from mistakes(part, inner, dec_hook=dec_hook, at=pointer(at, index))
    elif wanted is Decimal and not (isinstance(value, str) and _DECIMAL.fullmatch(value)):
        yield FieldError(pointer=at, code="invalid", message='Expected a decimal number as text, such as "12.50".')


def _struct_mistakes(
    value: dict[str, object], wanted: Any, struct: type[msgspec.Struct], dec_hook: DecodeHook | None, at: str
) -> Iterator[FieldError]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(wanted)}
    for name, field in fields.items():
        if name in value:
            yield from mistakes(value[name], field.type, dec_hook=dec_hook, at=pointer(at, name))
        elif field.required:
            yield FieldError(pointer=pointer(at, name), code="required", message="This field is required.")
    if struct.__struct_config__.forbid_unknown_fields:
        for name in value.keys() - fields.keys() - {struct.__struct_config__.tag_field}:
            yield FieldError(pointer=pointer(at, name), code="unknown_field", message="No such field is known here.")


def _own_mistake(value: object, wanted: Any, dec_hook: DecodeHook | None, at: str) -> Iterator[FieldError]:
    try:
        msgspec.convert(value, wanted, dec_hook=dec_hook)
    except msgspec.ValidationError as error:
        text, place = _split(str(error))
        yield FieldError(pointer=at + place, code="invalid", message=f"{text}.")


def _split(message: str) -> tuple[str, str]:
    match = _PLACE.match(message)
    assert match is not None
    steps = re.findall(r"\.([^.\[\]]+)|\[(\d+)\]", match["place"] or "")
    return match["text"], "".join(pointer("", name or index) for name, index in steps)


def _bare(wanted: Any) -> Any:
    """*wanted* without its annotations, and without None where exactly one other type is left."""
    while typing.get_origin(wanted) is typing.Annotated:
        wanted = typing.get_args(wanted)[0]
    if typing.get_origin(wanted) in _UNIONS:
        rest = [inner for inner in typing.get_args(wanted) if inner is not types.NoneType]
        return _bare(rest[0]) if len(rest) == 1 else wanted
    return wanted


def _document(body: bytes) -> object:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Failure(Kind.MALFORMED, "The body is not JSON.", code="malformed_json") from error


def _invalid(found: list[FieldError]) -> Failure:
    ordered = tuple(sorted(found, key=lambda error: error.pointer))
    return Failure(Kind.INVALID, "The body does not fit its schema; see errors.", errors=ordered)


def _text_check(wanted: Any, known: dict[Any, list[_Check]]) -> _Check | None:
    """A check of nothing but decimals and open enumerations, or None where *wanted* has none. Made once per type."""
    if values := known_values(wanted):
        return lambda value: not isinstance(value, str) or value in values
    bare = _bare(wanted)
    origin, arguments = typing.get_origin(bare) or bare, typing.get_args(bare)
    if bare is Decimal:
        return lambda value: value is None or (isinstance(value, str) and _DECIMAL.fullmatch(value) is not None)
    if isinstance(origin, type) and issubclass(origin, msgspec.Struct):
        return _struct_text_check(bare, known)
    if isinstance(origin, type) and issubclass(origin, Mapping) and arguments:
        of_value = _text_check(arguments[1], known)
        return of_value and _for_each(of_value, dict, dict.values)
    if origin in _SEQUENCES and arguments and (origin is not tuple or arguments[-1] is Ellipsis):
        of_item = _text_check(arguments[0], known)
        return of_item and _for_each(of_item, list, iter)
    # A fixed tuple or a union of several: the thorough way decides, which is slower and finds no mistake where none is.
    return (lambda value: not [*mistakes(value, wanted)]) if _mentions_texts(wanted) else None


def _for_each(check: _Check, container: type, parts: Callable[[Any], Iterable[object]]) -> _Check:
    return lambda value: not isinstance(value, container) or all(check(part) for part in parts(value))


def _struct_text_check(struct: Any, known: dict[Any, list[_Check]]) -> _Check | None:
    if struct in known:  # a type that holds itself: its check is there by the time it is asked
        return lambda value: all(check(value) for check in known[struct])
    known[struct] = []
    checks = {field.encode_name: _text_check(field.type, known) for field in msgspec.structs.fields(struct)}
    parts = [(name, check) for name, check in checks.items() if check]
    if not parts:
        return None

    def check_fields(value: object) -> bool:
        return not isinstance(value, dict) or all(check(value[name]) for name, check in parts if name in value)

    known[struct].append(check_fields)
    return check_fields


def _mentions_texts(wanted: Any) -> bool:
    components = msgspec.json.encode(msgspec.json.schema_components([wanted], schema_hook=lambda _: {}))
    return any(sign in components for sign in (b'"format":"decimal"', b'"x-extensible-enum"'))
