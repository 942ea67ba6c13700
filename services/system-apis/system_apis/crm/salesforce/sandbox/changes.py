"""The change feed's memory: what was committed, merged as Salesforce merges it, kept for 72 hours.

Source: "Change Data Capture Developer Guide": event fields, merged events, gap events.
"""

import asyncio
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from system_apis.crm.salesforce.sandbox.identifiers import moment_of
from system_apis.crm.salesforce.sandbox.records import Records, Row
from system_apis.crm.salesforce.sandbox.schema import SObject

RETENTION = timedelta(hours=72)
KIND = "ChangeEvent"
_UNSEEN = frozenset({"Id", "IsDeleted", "SystemModstamp", "IsWon", "IsClosed", "StatusCode"})


@dataclass(frozen=True, kw_only=True)
class Change:
    """One record's change within a transaction; `values` are the changed fields as kept."""

    described: SObject
    kind: str
    record_id: str
    values: Row


def channel_of(entity: str) -> str:
    """The channel of an object: `/data/OpportunityChangeEvent`, `/data/Planned_Role__ChangeEvent`."""
    return f"/data/{entity.removesuffix('__c')}{'__' if entity.endswith('__c') else ''}ChangeEvent"


class ChangeLog:
    """Events by replay id. `entities` are the objects that an administrator selected for the feed."""

    def __init__(self, records: Records, entities: tuple[str, ...]) -> None:
        self._records = records
        self.entities = entities
        self.arrived = asyncio.Condition()

    @property
    def channels(self) -> dict[str, tuple[str, ...]]:
        """The objects of each channel that may be subscribed to."""
        return {channel_of(entity): (entity,) for entity in self.entities} | {"/data/ChangeEvents": self.entities}

    def append(self, changes: list[Change], user_id: str, origin: str) -> None:
        """A committed transaction: the same change of several records is one event with all their ids."""
        key = str(uuid.uuid4())
        merged: dict[str, tuple[Change, list[str]]] = {}
        for change in changes:
            if change.described.name in self.entities:
                identity = f"{change.described.name} {change.kind} {sorted(change.values.items(), key=str)}"
                merged.setdefault(identity, (change, []))[1].append(change.record_id)
        for sequence, (change, record_ids) in enumerate(merged.values(), 1):
            header = self._header(change.described.name, change.kind, record_ids, key, sequence) | {
                "changeOrigin": origin,
                "commitUser": user_id,
                "changedFields": sorted(_seen(change)) if change.kind == "UPDATE" else [],
                "nulledFields": sorted(name for name, value in _seen(change).items() if value is None),
            }
            values = {name: _feed_value(change.described, name, value) for name, value in _seen(change).items()}
            self._keep(header, values if change.kind != "DELETE" else {})

    def append_gap(self, entity: str, record_ids: list[str], kind: str = "GAP_UPDATE") -> int:
        """An event without data: the subscriber must read the records again."""
        header = self._header(entity, kind, record_ids, str(uuid.uuid4()), 1)
        return self._keep(header | {"changeOrigin": "", "changedFields": [], "nulledFields": []}, {})

    def since(self, replay_id: int, entities: tuple[str, ...]) -> list[Row]:
        """The events after that replay id, oldest first."""
        return [
            event
            for event in self._records.store.all(KIND)
            if event["replayId"] > replay_id and event["payload"]["ChangeEventHeader"]["entityName"] in entities
        ]

    def get(self, replay_id: int) -> Row | None:
        return self._records.store.get(KIND, str(replay_id))

    def last(self) -> int:
        """The newest replay id, 0 before the first event."""
        return max((event["replayId"] for event in self._records.store.all(KIND)), default=0)

    def oldest(self) -> int:
        """The oldest replay id that is still kept."""
        self._forget()
        return min((event["replayId"] for event in self._records.store.all(KIND)), default=0)

    async def tell(self) -> None:
        """Wake the subscribers that wait."""
        async with self.arrived:
            self.arrived.notify_all()

    def _header(self, entity: str, kind: str, record_ids: list[str], key: str, sequence: int) -> Row:
        return {
            "entityName": entity,
            "recordIds": record_ids,
            "changeType": kind,
            "transactionKey": key,
            "sequenceNumber": sequence,
            "commitTimestamp": int(self._records.clock.now().timestamp() * 1000),
            "commitNumber": self._records.store.next_number("commit", 11657372702432),
            "diffFields": [],
        }

    def _keep(self, header: Row, values: Row) -> int:
        # Replay ids are not contiguous: clients must not count on the next one.
        number = self._records.store.next_number("replay") * 3
        payload = {"ChangeEventHeader": header, **values}
        self._records.store.put(KIND, str(number), {"replayId": number, "payload": payload})
        return number

    def _forget(self) -> None:
        limit = (self._records.clock.now() - RETENTION).timestamp() * 1000
        for event in list(self._records.store.all(KIND)):
            if event["payload"]["ChangeEventHeader"]["commitTimestamp"] < limit:
                self._records.store.delete(KIND, str(event["replayId"]))


def _seen(change: Change) -> Row:
    """The fields that the feed carries: no formula, no system stamp."""
    return {name: value for name, value in change.values.items() if name not in _UNSEEN}


def _feed_value(described: SObject, name: str, value: Any) -> Any:
    field = described.fields[name]
    return int(moment_of(value).timestamp() * 1000) if value is not None and field.type == "datetime" else value
