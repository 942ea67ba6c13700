"""The resources that the sandbox keeps, and the rules for writing them (RFC 7644 sections 3.3, 3.5, 3.6, 3.14)."""

import hashlib
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from sandboxkit.app import Context
from system_apis.identity.scim.sandbox.attributes import Record, ResourceType, as_list
from system_apis.identity.scim.sandbox.refusals import invalid_value, not_found, stale, taken
from system_apis.identity.scim.sandbox.schemas import ENTERPRISE_URN, GROUP, RESOURCE_TYPES, USER
from system_apis.identity.scim.sandbox.shaping import settled

BASE_PATH = "/scim/v2"
MAX_RESULTS = 200


class World:
    """State and rules. `context.config`: `token`, the bearer token; `max_results`, the longest page (200)."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._store = context.store
        self.token = str(context.config["token"])
        self.max_results = int(context.config.get("max_results", MAX_RESULTS))

    @property
    def base_url(self) -> str:
        """What locations begin with."""
        return self._context.base_url.rstrip("/") + BASE_PATH

    def all(self, resource_type: ResourceType) -> list[Record]:
        """In the order of creation, as clients see them."""
        memberships = self._memberships() if resource_type is USER else {}
        return [self._seen(resource_type, one, memberships) for one in self._store.all(resource_type.kind)]

    def get(self, resource_type: ResourceType, record_id: str) -> Record:
        """Raises 404."""
        memberships = self._memberships() if resource_type is USER else {}
        return self._seen(resource_type, self._kept(resource_type, record_id), memberships)

    def create(self, resource_type: ResourceType, new: Record) -> Record:
        record = {**new, "id": str(uuid4())}
        self._check(resource_type, record)
        now = self._now()
        self._store.insert(resource_type.kind, record["id"], _to_keep(record, created=now, modified=now))
        return self.get(resource_type, record["id"])

    def change(
        self, resource_type: ResourceType, record_id: str, if_match: str | None, change: Callable[[Record], Record]
    ) -> Record:
        """`change` makes the new record of the old one. What did not change keeps its version."""
        old = self._kept(resource_type, record_id)
        self._demand_version(old, if_match)
        meta = old.get("meta", {})
        record = {**change(_plain(old)), "id": record_id}
        self._check(resource_type, record)
        if record != {**settled(resource_type, _plain(old)), "id": record_id}:
            kept = _to_keep(record, created=meta.get("created"), modified=self._now())
            self._store.put(resource_type.kind, record_id, kept)
        return self.get(resource_type, record_id)

    def delete(self, resource_type: ResourceType, record_id: str, if_match: str | None) -> None:
        """A deleted resource leaves every group."""
        self._demand_version(self._kept(resource_type, record_id), if_match)
        self._store.delete(resource_type.kind, record_id)
        for group in self._store.find(GROUP.kind, lambda one: record_id in _member_ids(one)):
            rest = [member for member in group["members"] if member.get("value") != record_id]
            self._store.put(GROUP.kind, group["id"], {**group, "members": rest})

    def location(self, resource_type: ResourceType, record_id: str) -> str:
        return f"{self.base_url}{resource_type.endpoint}/{record_id}"

    def _kept(self, resource_type: ResourceType, record_id: str) -> Record:
        record = self._store.get(resource_type.kind, record_id)
        if record is None:
            raise not_found(f"{resource_type.name} {record_id}")
        return record

    def _seen(self, resource_type: ResourceType, record: Record, memberships: dict[str, list[Record]]) -> Record:
        meta = {
            "resourceType": resource_type.name,
            **record.get("meta", {}),
            "location": self.location(resource_type, record["id"]),
            "version": _version(record),
        }
        found = {**settled(resource_type, _plain(record)), "id": record["id"], "meta": meta}
        if memberships.get(record["id"]):
            found["groups"] = memberships[record["id"]]
        if ENTERPRISE_URN in found and "manager" in found[ENTERPRISE_URN]:
            found[ENTERPRISE_URN] = {**found[ENTERPRISE_URN], "manager": self._manager(found[ENTERPRISE_URN])}
        return found

    def _manager(self, extension: Record) -> Record:
        manager_id = extension["manager"].get("value", "")
        manager = self._store.get(USER.kind, manager_id)
        shown: Record = {"value": manager_id, "$ref": self.location(USER, manager_id)}
        name = None if manager is None else manager.get("displayName")
        return shown if name is None else {**shown, "displayName": name}

    def _memberships(self) -> dict[str, list[Record]]:
        """The groups of each member; computed, as no client may write them."""
        found: dict[str, list[Record]] = {}
        for group in self._store.all(GROUP.kind):
            shown = {
                "value": group["id"],
                "$ref": self.location(GROUP, group["id"]),
                "display": group["displayName"],
                "type": "direct",
            }
            for member_id in _member_ids(group):
                found.setdefault(member_id, []).append(shown)
        return found

    def _check(self, resource_type: ResourceType, record: Record) -> None:
        if resource_type is USER:
            self._check_user(record)
        for member in as_list(record.get("members")):
            self._complete_member(record["id"], member)

    def _check_user(self, record: Record) -> None:
        """A user name is unique whatever its case; a manager is a user who is there already."""
        record.pop("password", None)
        name = record["userName"].casefold()
        others = self._store.find(USER.kind, lambda one: str(one["userName"]).casefold() == name)
        if any(one["id"] != record["id"] for one in others):
            raise taken("userName", record["userName"])
        manager = record.get(ENTERPRISE_URN, {}).get("manager")
        if manager is not None and self._store.get(USER.kind, manager.get("value", "")) is None:
            raise invalid_value("manager.value is not the id of a user")

    def _complete_member(self, group_id: str, member: Record) -> None:
        """A member is a user or another group; its type and reference follow from its id."""
        member_id = member.get("value", "")
        found = next((one for one in RESOURCE_TYPES if self._store.get(one.kind, member_id) is not None), None)
        if found is None:
            raise invalid_value(f"members.value {member_id} is not the id of a user or group")
        if member_id == group_id:
            raise invalid_value("A group cannot be a member of itself")
        member |= {"type": found.name, "$ref": self.location(found, member_id)}

    def _demand_version(self, record: Record, if_match: str | None) -> None:
        if if_match is not None and not names_version(if_match, _version(record)):
            raise stale()

    def _now(self) -> str:
        return self._context.clock.now().isoformat(timespec="microseconds").replace("+00:00", "Z")


def names_version(header: str, version: str) -> bool:
    """Whether an If-Match or If-None-Match names this version; weak tags are compared weakly."""
    named = {tag.strip().removeprefix("W/") for tag in header.split(",")}
    return "*" in named or version.removeprefix("W/") in named


def _member_ids(group: Record) -> set[Any]:
    return {member.get("value") for member in as_list(group.get("members"))}


def _plain(record: Record) -> Record:
    """Without what the server adds."""
    return {name: value for name, value in record.items() if name not in {"id", "meta", "groups"}}


def _to_keep(record: Record, *, created: str | None, modified: str) -> Record:
    return {**record, "meta": {"created": created or modified, "lastModified": modified}}


def _version(record: Record) -> str:
    content = json.dumps(record, sort_keys=True).encode()
    return f'W/"{hashlib.sha256(content).hexdigest()[:16]}"'
