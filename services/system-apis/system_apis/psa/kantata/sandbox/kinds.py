"""What a kind of record is to the sandbox: its attributes, the associations behind `include`, its filters and rules."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from system_apis.psa.kantata.sandbox.refusals import Error
from system_apis.psa.kantata.sandbox.world import SUBJECTS, Record, Snapshot, World

Filter = Callable[[Snapshot, Record, str], bool]
Form = Literal["text", "whole", "amount", "flag", "day", "id", "ids", "choice", "object"]
Action = Literal["list", "show", "create", "update", "delete"]
ALL_ACTIONS: frozenset[Action] = frozenset({"list", "show", "create", "update", "delete"})
READ_ONLY: frozenset[Action] = frozenset({"list", "show"})


@dataclass(frozen=True)
class Attribute:
    """Something a client may write. `required` is what Kantata says when it is missing at creation."""

    form: Form
    required: str = ""
    default: Any = None
    choices: tuple[str, ...] = ()
    target: str = ""  # the kind that an id points to
    fixed: bool = False  # silently kept as it was at an update


@dataclass(frozen=True)
class Association:
    """What `include` can add. Its foreign key is shown only when it is included (page section 3)."""

    target: str
    field: str
    ids: Callable[[Snapshot, Record], list[str]]
    many: bool = False
    numeric: bool = False  # this foreign key is a number, unlike the others (page section 1)


@dataclass(frozen=True)
class KindOfRecord:
    """One collection of the API."""

    key: str
    singular: str
    attributes: Mapping[str, Attribute]
    associations: Mapping[str, Association] = field(default_factory=dict)
    filters: Mapping[str, Filter] = field(default_factory=dict)
    actions: frozenset[Action] = ALL_ACTIONS
    orders: tuple[str, ...] = ("created_at", "updated_at")
    order: str = "updated_at:desc"
    bulk: int = 1
    optional: frozenset[str] = frozenset()
    referencable: bool = True  # takes external references
    shown: Callable[[Snapshot, Record], Record] = lambda _, record: record
    hidden: Callable[[Snapshot, Record, Mapping[str, str]], bool] = lambda _, __, ___: False  # by a default filter
    hidden_alone: bool = False  # the default filter makes the show route say 404, too
    completed: Callable[[World, Record], Record] = lambda _, record: record  # with what Kantata derives
    check: Callable[[World, Record, Record | None], list[Error]] = lambda _, __, ___: []
    created: Callable[[World, Record, Record], None] = lambda _, __, ___: None  # with the attributes as they were sent
    updated: Callable[[World, Record, Record], None] = lambda _, __, ___: None  # with the record as it was
    deletable: Callable[[World, Record], list[Error]] = lambda _, __: []
    administered: bool = False  # for administrators of the account only


def own(target: str, name: str, *, numeric: bool = False) -> Association:
    """The record holds the other's id itself."""

    def ids(_: Snapshot, record: Record) -> list[str]:
        return [] if record.get(name) is None else [str(record[name])]

    return Association(target, name, ids, numeric=numeric)


def listed(target: str, name: str) -> Association:
    """The record holds a list of ids."""
    return Association(target, name, lambda _, record: [str(one) for one in record.get(name) or []], many=True)


def back(target: str, name: str, foreign: str, *, many: bool = True) -> Association:
    """The other records point here by their field `foreign`."""

    def ids(view: Snapshot, record: Record) -> list[str]:
        return [row["id"] for row in view.pointing(target, foreign, record["id"])]

    return Association(target, name, ids, many=many)


def through(target: str, name: str, link: str, foreign: str, onward: str) -> Association:
    """Reached over linking records: `link.foreign` points here and `link.onward` to the other."""

    def ids(view: Snapshot, record: Record) -> list[str]:
        return [str(row[onward]) for row in view.pointing(link, foreign, record["id"])]

    return Association(target, name, ids, many=True)


def attached(target: str, name: str, subject_type: str) -> Association:
    """External references or custom field values."""

    def ids(view: Snapshot, record: Record) -> list[str]:
        return [row["id"] for row in view.attached(target, subject_type, record["id"])]

    return Association(target, name, ids, many=True)


def equals(name: str) -> Filter:
    """The field is one of the comma-separated values."""
    return lambda _, record, text: str(record.get(name)) in text.split(",")


def within(name: str) -> Filter:
    """The day lies in `first:last`, both included; a bound that is left out is open."""

    def matches(_: Snapshot, record: Record, text: str) -> bool:
        first, last = [*text.split(":", 1), ""][:2]
        return (not first or record[name] >= first) and (not last or record[name] <= last)

    return matches


def contains(*names: str) -> Filter:
    return lambda _, record, text: any(text.casefold() in str(record.get(name) or "").casefold() for name in names)


def present(matches: Callable[[Snapshot, Record], bool]) -> Filter:
    """A filter that ignores its value: that it is there is enough (page section 4, trap 2)."""
    return lambda view, record, _: matches(view, record)


def flagged(matches: Callable[[Snapshot, Record], bool]) -> Filter:
    """A filter that wants true or false."""
    return lambda view, record, text: matches(view, record) is (text.casefold() == "true")


def wants(asked: Mapping[str, str], *names: str) -> bool:
    return any(asked.get(name) == "true" for name in names)


def of_archived(view: Snapshot, record: Record) -> bool:
    """Whether it belongs to an archived project."""
    return bool(view.all("workspaces").get(record["workspace_id"], {}).get("archived"))


def blank(name: str) -> str:
    return f"{name} can't be blank"


def needed(target: str, name: str) -> Attribute:
    """A foreign key that is given once, at creation."""
    return Attribute("id", required=blank(name), target=target, fixed=True)


def to(target: str) -> Attribute:
    return Attribute("id", target=target)


def references(key: str) -> dict[str, Association]:
    """What external systems and custom fields attach to a record."""
    subject = SUBJECTS[key]
    return {
        "external_references": attached("external_references", "external_reference_ids", subject),
        "custom_field_values": attached("custom_field_values", "custom_field_value_ids", subject),
    }
