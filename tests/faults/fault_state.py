"""What stands everywhere, without ids and times: the platforms in their own APIs, and all of Syncline's own tables.

A round is what came and what went between two looks. Tables are found in the database, columns of times, bytes and
counters left out by their type: a new table is compared by being there. What a strike may rightly leave behind, and so
is not compared, stands in `LEFT_OUT` and `_TRACES`; docs/faults.md says why.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
import psycopg
from batch_firm import ENTITY
from end_state import end_state
from fault_world import unmarked
from psycopg import sql
from psycopg.rows import dict_row
from running_system import RunningSystem

from demo import books, platforms
from demo.firm import Firm
from servicekit.database import driver_url

State = dict[str, Counter[str]]
Row = dict[str, Any]

# Tables that say how work was done, not what came of it.
LEFT_OUT = frozenset(
    {
        *("alembic_version", "watermark", "wake", "groups", "sequences", "dedupe", "history"),
        *("process.answers",),  # a person who asks again asks under a new key
    }
)
# How often and by which road something was done; everything else that differs is a difference.
_TRACES = frozenset(
    {
        *("attempts", "detail", "owner", "occurrences", "waiting_s", "place", "transitions", "position", "sequence"),
        "execution",
        *("trace_id", "trace_parent", "correlation_id", "trigger", "native_id", "source"),
    }
)
# A vendor's record of who called and how often: who signed in, keys it was sent, changes that it told of or wrote down.
_OF_CALLS = frozenset({"Session", "token", "idempotency_key", "event", "ChangeEvent", "subscribed_events"})
_HEALING = frozenset({"technical", "in_doubt"})
_ID = re.compile(r"\b([a-z]{3,4})_[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\b")
_DIGEST = re.compile(r"\b[0-9a-f]{32}\b")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[0-9.]*(?:Z|[+-]\d\d:?\d\d)?")
_SCHEMAS = (
    "select table_schema, table_name from information_schema.tables where table_type = 'BASE TABLE'"
    " and (table_schema in ('process', 'experience') or table_schema like 'system%')"
)


class Own(msgspec.Struct, frozen=True, kw_only=True):
    """Syncline's own state: rows by table, and what healed by itself, by code."""

    rows: State
    healed: Counter[str]


def own_state(system: RunningSystem) -> Own:
    """One look at the database, as its administrator."""
    with psycopg.connect(driver_url(system.site.database_url("postgres")), row_factory=dict_row) as connection:
        connection.execute("set transaction isolation level repeatable read")
        tables = {
            f"{one['table_schema']}.{one['table_name']}": _rows(connection, one["table_schema"], one["table_name"])
            for one in connection.execute(_SCHEMAS).fetchall()
            if not {one["table_name"], f"{one['table_schema']}.{one['table_name']}"} & LEFT_OUT
        }
        tables["events.log"] = _rows(connection, "events", "log")
        engines = connection.execute(
            "select table_schema from information_schema.tables where table_name = 'workflow_status'"
        ).fetchall()
        for one in engines:
            found = sql.SQL("select workflow_uuid as run_id, name, status from {}.workflow_status")
            schema = one["table_schema"]
            tables[schema] = connection.execute(found.format(sql.Identifier(schema))).fetchall()
    return _told(tables)


def _rows(connection: psycopg.Connection[Row], schema: str, table: str) -> list[Row]:
    return connection.execute(sql.SQL("select * from {}").format(sql.Identifier(schema, table))).fetchall()


def _told(tables: Mapping[str, list[Row]]) -> Own:
    """The rows in words; without the exceptions that a strike raised and that were resolved by nobody's hand."""
    cases = tables["process.exception_case"]
    decided = {row["case_id"] for row in tables["process.decision"]}
    passed = {row["id"] for row in cases if row["class"] in _HEALING and row["resolved_at"]} - decided
    names = _names(tables)
    rows: State = {}
    for table, found in tables.items():
        kept = (row for row in found if not _is_of(row, passed) and not _was_retried(table, row))
        rows[table] = Counter(_text(row, names) for row in kept)
    return Own(rows=rows, healed=Counter(f"{row['class']} {row['code']}" for row in cases if row["id"] in passed))


def _is_of(row: Row, passed: set[str]) -> bool:
    """Whether the row is an exception of these, or tells of one."""
    return any(isinstance(value, str) and value in passed for value in row.values())


def _was_retried(table: str, row: Row) -> bool:
    """A try that the clock brought about, which has been made."""
    return table == "process.due" and row["kind"] == "auto_retry" and row["done_at"] is not None


def _names(tables: Mapping[str, list[Row]]) -> dict[str, str]:
    """What ids and numbers belong to: the run of which contract. Everything else is told by its kind alone."""
    runs = {row["run_id"]: row for row in tables["process.run"]}
    names: dict[str, str] = {}
    for run_id, row in sorted(runs.items()):
        told = {**row["request"], **row["refs"]}
        whose = f"{row['process']} {told.get('contract_number', row['name'])} {told.get('kind', '')}"
        for key, value in {"run_id": run_id, "id": row["id"], "business_key": row["business_key"], **told}.items():
            _name(names, value, f"{whose}.{key}")
    for table, rows in sorted(tables.items()):
        for row in rows:
            run = runs.get(row.get("run_id"))
            whose = names.get(run["id"], "") if run is not None and table != "process.run" else ""
            for key, value in row.items() if whose else ():
                _name(names, value, f"{whose}.{table}.{key}")
    return names


def _name(names: dict[str, str], value: Any, name: str) -> None:
    """Ids, and the numbers that documents were given; never what is a name already."""
    if not isinstance(value, str):
        return
    numbered = name.endswith(("number", "reference")) and re.search(r"\d", value) and value == unmarked(value)
    if _ID.fullmatch(value) or numbered:
        names[value] = min(names.get(value, unmarked(name)), unmarked(name))


def _text(row: Row, names: Mapping[str, str]) -> str:
    shown = {name: value for name, value in row.items() if name not in _TRACES and not _is_by_the_way(value)}
    shown = {name: value for name, value in shown.items() if name != "n"}
    return _plain(msgspec.json.encode(shown, order="sorted", enc_hook=str).decode(), names)


def _is_by_the_way(value: Any) -> bool:
    return isinstance(value, datetime | bytes | memoryview)


def _plain(text: str, names: Mapping[str, str]) -> str:
    text = re.sub(r'"([^"]+)"', lambda found: f'"<{names[found[1]]}>"' if found[1] in names else found[0], text)
    text = _ID.sub(lambda found: f"<{names[found[0]]}>" if found[0] in names else f"{found[1]}_?", text)
    return unmarked(_DIGEST.sub("<digest>", _TIME.sub("<at>", text)))


async def vendor_state(system: RunningSystem, firm: Firm) -> State:
    """Every platform as its own API tells it, and how many records of each kind it holds at all."""
    seen, money = await platforms.read_all(system.told, firm), await books.read_all(system.told, firm)
    state: State = {kind: Counter(_shown(one) for one in facts.elements()) for kind, facts in end_state(seen).items()}
    state |= _money(money)
    names = list(system.told.platforms)
    answers = await asyncio.gather(*(system.control(name, "GET", "kinds") for name in names))
    for name, answer in zip(names, answers, strict=True):
        kinds = answer.json().items()
        state[f"{name} records"] = Counter({kind: n for kind, n in kinds if kind.split(".")[-1] not in _OF_CALLS})
    return state


def _money(seen: books.Seen) -> State:
    """Documents, ledger, marks and work. Numbers are given in an order that nobody promises."""
    contracts = {one.number: one.contract for one in seen.documents}
    projects = {workspace: contract for contract, workspace in seen.workspaces.items()}
    posted = (
        *("externalDocumentNumber", "postingDate", "status", "totalAmountExcludingTax"),
        *("totalAmountIncludingTax", "remainingAmount"),
    )
    return {
        "invoices and credit notes": _counted(
            (one.contract, one.net, one.tax, one.open, one.paid, tuple((line.net, line.tax) for line in one.lines))
            for one in seen.documents
        ),
        "posted documents": _counted(
            tuple(contracts.get(one.get(name), one.get(name)) for name in posted) for one in seen.posted[ENTITY]
        ),
        "ledger entries": _counted((one.contract, one.account, one.amount, one.day) for one in seen.entries[ENTITY]),
        "billing marks": _counted((len(one["time_entry_ids"]), one["status"]) for one in seen.marks),
        "time": _counted((projects.get(str(one["workspace_id"])), one["is_invoiced"]) for one in seen.time),
        "drafts": Counter(drafts=seen.drafts),
    }


def _counted(facts: Iterable[tuple[Any, ...]]) -> Counter[str]:
    return Counter(_shown(one) for one in facts)


def _shown(fact: tuple[Any, ...]) -> str:
    return unmarked(" | ".join(str(part) for part in fact))


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """What came and what went in a round, by kind or table."""

    came: State
    went: State


def between(before: State, after: State) -> Round:
    kinds = {*before, *after}
    empty: Counter[str] = Counter()
    return Round(
        came={kind: after.get(kind, empty) - before.get(kind, empty) for kind in kinds},
        went={kind: before.get(kind, empty) - after.get(kind, empty) for kind in kinds},
    )


class Differences(msgspec.Struct, frozen=True, kw_only=True):
    """What a struck round lacks, has too much of, and has otherwise than the undisturbed one."""

    lost: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()
    diverged: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.lost or self.doubled or self.diverged)


def compared(undisturbed: Round, struck: Round) -> Differences:
    """A kind that lacks as many as it has too many has the same records, which are not as they were."""
    told: dict[str, list[str]] = defaultdict(list)
    for kind in sorted({*undisturbed.came, *struck.came}):
        missing = [*(undisturbed.came.get(kind, Counter()) - struck.came.get(kind, Counter())).elements()]
        surplus = [*(struck.came.get(kind, Counter()) - undisturbed.came.get(kind, Counter())).elements()]
        pairs = zip(sorted(missing), sorted(surplus), strict=False)
        told["diverged"] += [f"{kind}: {new}, not {old}" for old, new in pairs]
        told["lost"] += [f"{kind}: {one}" for one in sorted(missing)[len(surplus) :]]
        told["doubled"] += [f"{kind}: {one}" for one in sorted(surplus)[len(missing) :]]
        gone = undisturbed.went.get(kind, Counter()), struck.went.get(kind, Counter())
        told["diverged"] += [f"{kind}: still {one}" for one in (gone[0] - gone[1]).elements()]
        told["diverged"] += [f"{kind}: gone is {one}" for one in (gone[1] - gone[0]).elements()]
    return Differences(**{name: tuple(found) for name, found in told.items()})
