"""Creates, changes and deletes records as one transaction that is kept whole or not at all."""

from dataclasses import dataclass
from typing import Any

from system_apis.crm.salesforce.sandbox.changes import Change, ChangeLog
from system_apis.crm.salesforce.sandbox.derived import deal_sum, derive, history_row
from system_apis.crm.salesforce.sandbox.identifiers import normal_id
from system_apis.crm.salesforce.sandbox.records import Records, Row
from system_apis.crm.salesforce.sandbox.refusals import Refusal, not_found
from system_apis.crm.salesforce.sandbox.schema import Field, SObject
from system_apis.crm.salesforce.sandbox.values import stored

_OWNED = ("Account", "Opportunity", "Contract")


@dataclass(frozen=True)
class Author:
    """Who writes, by which client, over which version of the API."""

    user_id: str
    client: str
    version: str

    @property
    def origin(self) -> str:
        return f"com/salesforce/api/rest/{self.version};client={self.client}"


class Transaction:
    """Writes that belong together. `undo` puts everything back; `commit` tells the change feed."""

    def __init__(self, records: Records, log: ChangeLog, author: Author) -> None:
        self._records = records
        self._log = log
        self._author = author
        self._changes: list[Change] = []
        self._before: list[tuple[str, str, Row | None]] = []

    def create(self, described: SObject, body: Any) -> str:
        """The new record's id."""
        given = self._prepared(described, body, None)
        defaults = {field.name: field.default for field in described.fields.values() if field.default is not None}
        row = defaults | given
        self._require(described, row)
        new_id = self._records.next_id(described)
        now, user = self._records.now(), self._author.user_id
        row |= {"Id": new_id, "IsDeleted": False, "CreatedDate": now, "CreatedById": user}
        if described.name in _OWNED:
            row.setdefault("OwnerId", user)
        row = derive(self._records, described.name, row, None, given)
        self._write(described, self._touched(row), None)
        return new_id

    def update(self, described: SObject, row_id: str, body: Any) -> None:
        """Raises NOT_FOUND, ENTITY_IS_DELETED, or what is wrong with the body."""
        before = self.existing(described, row_id)
        given = self._prepared(described, body, before)
        self._require(described, before | given)
        row = derive(self._records, described.name, before | given, before, given)
        self._write(described, self._touched(row), before)

    def delete(self, described: SObject, row_id: str) -> None:
        """Into the recycle bin: `queryAll` still shows it."""
        before = self.existing(described, row_id)
        self._writable(described)
        row = self._touched(before | {"IsDeleted": True})
        self._keep(described.name, row)
        self._changes.append(Change(described=described, kind="DELETE", record_id=row["Id"], values={}))
        self._sum_up(described, row)

    def existing(self, described: SObject, row_id: str) -> Row:
        full = normal_id(row_id)
        if full is None:
            message = f"Provided external ID field does not exist or is not accessible: {row_id}"
            raise Refusal(404, "NOT_FOUND", message)
        row = self._records.get(described.name, full)
        if row is None:
            raise not_found()
        if row.get("IsDeleted"):
            raise Refusal(404, "ENTITY_IS_DELETED", "entity is deleted", [])
        return row

    def commit(self) -> None:
        self._log.append(self._changes, self._author.user_id, self._author.origin)

    def undo(self) -> None:
        """Last write first."""
        for name, row_id, before in reversed(self._before):
            if before is None:
                self._records.store.delete(name, row_id)
            else:
                self._records.store.put(name, row_id, before)
        self._before.clear()
        self._changes.clear()

    def _prepared(self, described: SObject, body: Any, before: Row | None) -> Row:
        """The fields that the client sent, as they are kept."""
        self._writable(described)
        if not isinstance(body, dict):
            raise Refusal(
                400, "JSON_PARSER_ERROR", "The HTTP entity body is required, but this request has no entity body."
            )
        given: Row = {}
        for name, value in body.items():
            if name == "attributes":
                continue
            reference = described.parent(name) if isinstance(value, dict) else None
            if reference is not None:
                given[reference.name] = self._related(reference, value)
                continue
            field = self._writable_field(described, name, new=before is None)
            given[field.name] = stored(field, value, self._records.schema)
        self._check_references(described, given)
        self._check_unique(described, given, before)
        return given

    def _writable(self, described: SObject) -> None:
        if not described.writable:
            message = f"entity type {described.name} does not support this operation"
            raise Refusal(400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message, [])

    def _writable_field(self, described: SObject, name: str, *, new: bool) -> Field:
        field = described.field(name)
        if field is None:
            raise Refusal(400, "INVALID_FIELD", f"No such column '{name}' on sobject of type {described.name}")
        if not (field.createable if new else field.updateable):
            message = (
                f"Unable to create/update fields: {field.name}. Please check the security settings of this field and"
                " verify that it is read/write for your profile or permission set."
            )
            raise Refusal(400, "INVALID_FIELD_FOR_INSERT_UPDATE", message, [field.name])
        return field

    def _related(self, reference: Field, value: Row) -> str:
        """The parent that an external id names: `{"Account": {"ERP_Id__c": "C-100"}}`."""
        parent = self._records.schema.objects[reference.refers]
        keys = [(parent.field(name), text) for name, text in value.items() if name != "attributes"]
        if len(keys) != 1 or keys[0][0] is None or not keys[0][0].external_id:
            raise Refusal(
                400, "INVALID_FIELD", f"{reference.relation} must be named by one external id", [reference.name]
            )
        field, text = keys[0]
        assert field is not None
        found = self._records.with_key(parent, field.name, str(text))
        if len(found) != 1:
            message = f"Foreign key external ID: {text} not found for field {field.name} in entity {parent.name}"
            raise Refusal(400, "INVALID_FIELD", message, [])
        parent_id: str = found[0]["Id"]
        return parent_id

    def _check_references(self, described: SObject, given: Row) -> None:
        for name, value in given.items():
            refers = described.fields[name].refers
            # Users stand outside of what the seeds must bring: an unknown owner is taken as it is.
            if refers and value is not None and refers != "User" and self._records.live(refers, value) is None:
                raise Refusal(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [name])

    def _check_unique(self, described: SObject, given: Row, before: Row | None) -> None:
        for name, value in given.items():
            if value is None or not described.fields[name].external_id:
                continue
            for other in self._records.with_key(described, name, value):
                if before is None or other["Id"] != before["Id"]:
                    message = f"duplicate value found: {name} duplicates value on record with id: {other['Id']}"
                    raise Refusal(400, "DUPLICATE_VALUE", message, [])

    def _require(self, described: SObject, row: Row) -> None:
        missing = [field.name for field in described.fields.values() if field.required and row.get(field.name) is None]
        if missing:
            message = f"Required fields are missing: [{', '.join(missing)}]"
            raise Refusal(400, "REQUIRED_FIELD_MISSING", message, missing)

    def _touched(self, row: Row) -> Row:
        now = self._records.now()
        return row | {"LastModifiedDate": now, "LastModifiedById": self._author.user_id, "SystemModstamp": now}

    def _write(self, described: SObject, row: Row, before: Row | None) -> None:
        self._keep(described.name, row)
        former = before or {}
        changed = {name: value for name, value in row.items() if former.get(name) != value}
        kind = "CREATE" if before is None else "UPDATE"
        values = (
            changed if before is not None else {name: value for name, value in changed.items() if value is not None}
        )
        self._changes.append(Change(described=described, kind=kind, record_id=row["Id"], values=values))
        if described.name == "Opportunity" and (history := history_row(row, before)) is not None:
            self._remember(history)
        self._sum_up(described, row)

    def _remember(self, history: Row) -> None:
        described = self._records.schema.objects["OpportunityHistory"]
        now = self._records.now()
        row = {"Id": self._records.next_id(described), "IsDeleted": False, "CreatedDate": now, "SystemModstamp": now}
        self._keep(described.name, row | {"CreatedById": self._author.user_id} | history)

    def _sum_up(self, described: SObject, row: Row) -> None:
        """A deal's amount follows its lines."""
        deal_id = row.get("OpportunityId")
        if described.name != "OpportunityLineItem" or deal_id is None:
            return
        deal = self._records.live("Opportunity", deal_id)
        sums = deal_sum(self._records, deal_id)
        if deal is not None and any(deal.get(name) != value for name, value in sums.items()):
            self._write(self._records.schema.objects["Opportunity"], self._touched(deal | sums), deal)

    def _keep(self, name: str, row: Row) -> None:
        self._before.append((name, row["Id"], self._records.store.get(name, row["Id"])))
        self._records.store.put(name, row["Id"], row)
