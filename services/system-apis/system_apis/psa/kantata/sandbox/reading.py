"""GET in the sandbox: filters, order and paging of a collection, and the envelope every answer comes in."""

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from system_apis.psa.kantata.sandbox.catalogue import KINDS
from system_apis.psa.kantata.sandbox.kinds import KindOfRecord
from system_apis.psa.kantata.sandbox.refusals import forbidden, invalid, malformed, not_found, unprocessable
from system_apis.psa.kantata.sandbox.world import SUBJECTS, Record, Snapshot, World, moment

Asked = Mapping[str, str]

_PAGE_SIZE, _MOST = 20, 200
_STAMPS = ("created", "updated")
_PAGING = frozenset({"page", "per_page", "limit", "offset", "include", "optional_fields", "created_after"})
_LISTS_KEPT = 8
_REFERENCE_FILTERS = ("service_name", "service_model", "status", "external_status", "external_message")


def one(world: World, kind: KindOfRecord, record_id: str, asked: Asked) -> dict[str, Any]:
    """404 also for a record that is there but hidden by a default filter."""
    _open(world, kind)
    view = Snapshot(world)
    record = view.all(kind.key).get(record_id)
    if record is None or (kind.hidden_alone and kind.hidden(view, record, asked)):
        raise not_found()
    return envelope(view, kind, [record], asked)


def many(world: World, kind: KindOfRecord, asked: Asked) -> dict[str, Any]:
    _open(world, kind)
    view = Snapshot(world)
    if kind.key == "external_references" and "subject_type" not in asked:
        raise unprocessable([invalid("subject_type", "Subject type can't be blank")])
    found = _created_after(_found(view, kind, asked), asked)
    start, size = _window(asked)
    meta = {
        "count": len(found),
        "page_count": math.ceil(len(found) / size),
        "page_number": start // size + 1,
        "page_size": size,
    }
    return envelope(view, kind, found[start : start + size], asked, meta)


def envelope(
    view: Snapshot, kind: KindOfRecord, records: list[Record], asked: Asked, meta: Mapping[str, int] | None = None
) -> dict[str, Any]:
    """References in order, and a map by id for each kind that takes part (page section 3)."""
    count = len(records)
    meta = meta or {"count": count, "page_count": 1, "page_number": 1, "page_size": max(count, 1)}
    included = {name: kind.associations[name] for name in _words(asked, "include") if name in kind.associations}
    answer: dict[str, Any] = {
        "count": meta["count"],
        "meta": dict(meta),
        "results": [{"key": kind.key, "id": record["id"]} for record in records],
        kind.key: {},
    }
    for association in included.values():
        answer.setdefault(association.target, {})
    for record in records:
        answer[kind.key][record["id"]] = _shown(view, kind, record, asked)
    for record in records:
        for name, association in included.items():
            ids = association.ids(view, record)
            key: Any = ids if association.many else (ids[0] if ids else None)
            if association.numeric and key is not None:
                key = int(key)
            answer[kind.key][record["id"]][association.field] = key
            _side_load(view, answer, kind.associations[name].target, ids)
    return answer


def _open(world: World, kind: KindOfRecord) -> None:
    if kind.administered and not world.administrator:
        raise forbidden()


def _found(view: Snapshot, kind: KindOfRecord, asked: Asked) -> list[Record]:
    """What matches, in order. One page after the other is asked for: a list is kept until some record changes."""
    world = view.world
    steady = tuple(sorted((name, text) for name, text in asked.items() if name not in _PAGING))
    key = (world.store.revision(), kind.key, world.user_id, steady)
    if key not in world.lists:
        while len(world.lists) >= _LISTS_KEPT:
            del world.lists[next(iter(world.lists))]
        world.lists[key] = _ordered(kind, _matching(view, kind, asked), asked.get("order", ""))
    return world.lists[key]


def _created_after(records: list[Record], asked: Asked) -> list[Record]:
    after = _moment(asked, "created_after")
    return records if after is None else [row for row in records if moment(row["created_at"]) > after]


def _side_load(view: Snapshot, answer: dict[str, Any], key: str, ids: Iterable[str]) -> None:
    if key not in KINDS:
        return
    for record_id in ids:
        record = view.all(key).get(record_id)
        if record is not None and record_id not in answer[key]:
            answer[key][record_id] = _shown(view, KINDS[key], record, {})


def _shown(view: Snapshot, kind: KindOfRecord, record: Record, asked: Asked) -> Record:
    """A record without the foreign keys that nobody asked for, moments in the account's own time zone."""
    shown = dict(kind.shown(view, record))
    for association in kind.associations.values():
        shown.pop(association.field, None)
    for name in kind.optional - set(_words(asked, "optional_fields")):
        shown.pop(name, None)
    for name, value in shown.items():
        if name.endswith("_at") and isinstance(value, str):
            shown[name] = view.world.local(value)
    return shown


def _matching(view: Snapshot, kind: KindOfRecord, asked: Asked) -> list[Record]:
    records = [record for record in view.all(kind.key).values() if not kind.hidden(view, record, asked)]
    if "only" in asked:
        wanted = set(asked["only"].split(","))
        records = [record for record in records if record["id"] in wanted]
    for name, text in asked.items():
        if name in kind.filters:
            records = [record for record in records if kind.filters[name](view, record, text)]
    records = _within(records, asked)
    if kind.referencable:
        records = _referenced(view, kind, records, asked)
        records = _by_text(view, kind, records, asked.get("by_custom_text_value"))
    return records


def _within(records: list[Record], asked: Asked) -> list[Record]:
    for stamp in _STAMPS:
        after, before = _moment(asked, f"{stamp}_after"), _moment(asked, f"{stamp}_before")
        if after is not None and stamp == "updated":
            records = [record for record in records if moment(record[f"{stamp}_at"]) > after]
        if before is not None:
            records = [record for record in records if moment(record[f"{stamp}_at"]) < before]
    return records


def _referenced(view: Snapshot, kind: KindOfRecord, records: list[Record], asked: Asked) -> list[Record]:
    """Filters by external references: one reference has to fit all of them."""
    wanted = {name: asked[f"external_reference_{name}"] for name in _REFERENCE_FILTERS if _given(asked, name)}
    refs = _reference_ids(asked)
    if not wanted and refs is None and "has_external_references" not in asked:
        return records
    subject = SUBJECTS[kind.key]

    def fits(row: Record) -> bool:
        return (refs is None or row["service_model_ref"] in refs) and all(
            row.get(name) == text for name, text in wanted.items()
        )

    def matches(record: Record) -> bool:
        rows = view.attached("external_references", subject, record["id"])
        if wanted or refs is not None:
            return any(fits(row) for row in rows)
        return bool(rows) is (asked["has_external_references"].casefold() == "true")

    return [record for record in records if matches(record)]


def _given(asked: Asked, name: str) -> bool:
    return f"external_reference_{name}" in asked


def _reference_ids(asked: Asked) -> set[str] | None:
    """`..._ref` is typed int32: only `..._refs` takes the ids of other systems (page section 9, trap 7)."""
    single = asked.get("external_reference_service_model_ref")
    if single is not None and not single.isdigit():
        raise malformed("external_reference_service_model_ref is invalid")
    several = asked.get("external_reference_service_model_refs")
    if single is None and several is None:
        return None
    refs = [*([single] if single else []), *(several or "").split(",")]
    if len(refs) > _MOST:
        raise malformed("external_reference_service_model_refs is too long")
    return set(refs)


def _by_text(view: Snapshot, kind: KindOfRecord, records: list[Record], asked: str | None) -> list[Record]:
    """`(9:text)`, or several of them joined by colons; a field named twice may have either value."""
    if asked is None:
        return records
    wanted: dict[str, set[str]] = {}
    for part in asked.strip("()").split("):("):
        field_id, _, text = part.partition(":")
        wanted.setdefault(field_id, set()).add(text)
    subject = SUBJECTS[kind.key]

    def matches(record: Record) -> bool:
        rows = view.attached("custom_field_values", subject, record["id"])
        values = {str(row["custom_field_id"]): str(row["value"]) for row in rows}
        return all(values.get(field_id) in texts for field_id, texts in wanted.items())

    return [record for record in records if matches(record)]


def _ordered(kind: KindOfRecord, records: list[Record], asked: str) -> list[Record]:
    """An order that the collection does not know is passed over."""
    name, _, direction = (asked if asked.partition(":")[0] in kind.orders else kind.order).partition(":")

    def place(record: Record) -> tuple[float, str]:
        if name.endswith("_at"):
            return moment(str(record.get(name) or record["created_at"])).timestamp(), ""
        stands_for = {"alphabetical": "full_name", "date": "start_date", "amount": "amount_in_cents"}
        shown = record.get(name, record.get(stands_for.get(name, name)))
        if isinstance(shown, int):
            return float(shown), ""
        return 0.0, str(shown or "").casefold()

    return sorted(records, key=place, reverse=direction == "desc")


def _window(asked: Asked) -> tuple[int, int]:
    """Limit and offset win over page and per_page; more than 200 become 200."""
    if "limit" in asked or "offset" in asked:
        size = min(max(_number(asked, "limit", _PAGE_SIZE), 1), _MOST)
        return max(_number(asked, "offset", 0), 0), size
    size = min(max(_number(asked, "per_page", _PAGE_SIZE), 1), _MOST)
    return (max(_number(asked, "page", 1), 1) - 1) * size, size


def _number(asked: Asked, name: str, otherwise: int) -> int:
    text = asked.get(name, "")
    return int(text) if text.isdigit() else otherwise


def _moment(asked: Asked, name: str) -> datetime | None:
    if name not in asked:
        return None
    try:
        return moment(asked[name].replace(" ", "+"))
    except ValueError as error:
        raise malformed(f"{name} is invalid") from error


def _words(asked: Asked, name: str) -> list[str]:
    return [word.strip() for word in asked.get(name, "").split(",") if word.strip()]
