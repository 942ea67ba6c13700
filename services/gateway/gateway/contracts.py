"""What a contract says: an API, its operations, owner and lifecycle. Source: OpenAPI 3.1 and our `x-` words (D1)."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, cast

import msgspec
import yaml

from servicekit.failures import Failure, Kind

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "query")
LAYERS = ("system", "process", "experience", "gateway")
STATES = ("draft", "preview", "active", "deprecated", "sunset", "retired")
ENDED = ("sunset", "retired")  # the edge answers 410

_FILE = re.compile(r"(?P<api>[a-z][a-z0-9-]*)\.v(?P<major>[1-9][0-9]*)")

Document = Mapping[str, Any]  # an OpenAPI document: its shape is OpenAPI's, not ours


class Lifecycle(msgspec.Struct, frozen=True, kw_only=True):
    """Where an API or an operation stands. `successor` is the key of the API that replaces it, or empty."""

    state: str = "active"
    deprecated_at: datetime | None = None
    sunset_at: datetime | None = None
    successor: str = ""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One method on one path, as the service itself serves it (`/v1/...`)."""

    id: str
    method: str  # upper case
    path: str
    hook: bool  # a vendor calls it; the service checks the vendor's signature
    secured: bool
    streams: bool  # answers with server-sent events, so no overall time limit may cut it
    timeout_s: float | None
    lifecycle: Lifecycle
    node: Document


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """One contract file. `key` is the file's stem, `<api>.v<major>`: how settings name the API."""

    key: str
    api: str
    major: int
    layer: str
    title: str
    version: str
    description: str
    api_id: str
    owner: str
    audience: str
    data_classification: str
    slo: Any
    lifecycle: Lifecycle
    operations: tuple[Operation, ...]
    document: Document
    source: bytes

    @property
    def edge_prefix(self) -> str:
        """The path before `/v1` at the edge; empty when the API is not offered there."""
        return {"experience": "/experience", "process": f"/process/{self.api}"}.get(self.layer, "")

    @property
    def edge_path(self) -> str:
        """Where the API begins at the edge, such as `/process/project-onboarding/v1`; empty when not offered."""
        return f"{self.edge_prefix}/v{self.major}" if self.edge_prefix else ""


def read_contracts(folder: Path) -> tuple[Contract, ...]:
    """Every contract below `folder/<layer>/`, by layer and key. MISCONFIGURED names every faulty file and why."""
    faults: list[str] = []
    found: list[Contract] = []
    for path in sorted(folder.glob("*/*.yaml")):
        try:
            found.append(_contract(path))
        except Failure as fault:
            faults.append(fault.detail)
    if faults:
        raise Failure(Kind.MISCONFIGURED, "; ".join(faults))
    return tuple(sorted(found, key=lambda contract: (LAYERS.index(contract.layer), contract.key)))


def resolve(document: Document, node: Any) -> Any:
    """The node, or what its `$ref` within the same document leads to; MISCONFIGURED when that does not exist."""
    seen: set[str] = set()
    while isinstance(node, Mapping) and "$ref" in node:
        reference = str(node["$ref"])
        if reference in seen or not reference.startswith("#/"):
            raise Failure(Kind.MISCONFIGURED, f"the reference {reference} leads nowhere")
        seen.add(reference)
        node = document
        for part in reference[2:].split("/"):
            key = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(node, Mapping) or key not in node:
                raise Failure(Kind.MISCONFIGURED, f"the reference {reference} leads nowhere")
            node = node[key]
    return node


def _contract(path: Path) -> Contract:
    name = _FILE.fullmatch(path.stem)
    source = path.read_bytes()
    document = _parsed(path, source)
    info: Document = document.get("info", {})
    said = {**info, **document}  # our `x-` words stand in `info`, or beside it
    layer = str(said.get("x-layer", path.parent.name))
    faults = [
        *([] if name else ["its name is not <api>.v<major>.yaml"]),
        *([] if layer in LAYERS else [f"x-layer {layer!r} is none of {', '.join(LAYERS)}"]),
        *([] if layer == path.parent.name else ["x-layer differs from its folder"]),
        *([] if isinstance(document.get("paths"), Mapping) else ["it has no paths"]),
    ]
    if faults or name is None:
        raise _fault(path, faults)
    lifecycle = _lifecycle(path, said.get("x-lifecycle"), Lifecycle())
    return Contract(
        key=path.stem,
        api=name["api"],
        major=int(name["major"]),
        layer=layer,
        title=str(info.get("title", path.stem)),
        version=str(info.get("version", "")),
        description=str(info.get("description", "")),
        api_id=str(said.get("x-api-id", path.stem)),
        owner=_words(said.get("x-owner")),
        audience=_words(said.get("x-audience")),
        data_classification=_words(said.get("x-data-classification")),
        slo=said.get("x-slo"),
        lifecycle=lifecycle,
        operations=tuple(_operations(path, document, lifecycle)),
        document=document,
        source=source,
    )


def _parsed(path: Path, source: bytes) -> Document:
    try:
        document = yaml.load(source, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  both are safe
    except yaml.YAMLError as error:
        raise _fault(path, ["it is not YAML"]) from error
    if not isinstance(document, Mapping) or not str(document.get("openapi", "")).startswith("3."):
        raise _fault(path, ["it is not an OpenAPI 3 document"])
    return cast("Document", document)


def _operations(path: Path, document: Document, lifecycle: Lifecycle) -> Sequence[Operation]:
    everywhere = document.get("security", [])
    found = []
    for template, item in document["paths"].items():
        for method in METHODS:
            node = resolve(document, item).get(method)
            if node is None:
                continue
            found.append(
                Operation(
                    id=str(node.get("operationId", f"{method} {template}")),
                    method=method.upper(),
                    path=str(template),
                    hook=node.get("x-hook") is True,
                    secured=bool(node.get("security", everywhere)),
                    streams=_streams(document, node),
                    timeout_s=node.get("x-timeout-s"),
                    lifecycle=_lifecycle(path, node.get("x-lifecycle"), lifecycle),
                    node=node,
                )
            )
    return found


def _streams(document: Document, node: Document) -> bool:
    return any(
        "text/event-stream" in (resolve(document, answer).get("content") or {})
        for answer in (node.get("responses") or {}).values()
    )


def _lifecycle(path: Path, value: Any, inherited: Lifecycle) -> Lifecycle:
    if value is None:
        return inherited
    stated: Mapping[str, Any] = {"state": value} if isinstance(value, str) else value
    found = Lifecycle(
        state=str(stated.get("state", inherited.state)),
        deprecated_at=_moment(path, stated.get("deprecated_at", inherited.deprecated_at)),
        sunset_at=_moment(path, stated.get("sunset_at", inherited.sunset_at)),
        successor=str(stated.get("successor", inherited.successor) or ""),
    )
    if found.state not in STATES:
        raise _fault(path, [f"x-lifecycle {found.state!r} is none of {', '.join(STATES)}"])
    if found.state == "deprecated" and found.deprecated_at is None:
        raise _fault(path, ["x-lifecycle is deprecated without deprecated_at"])
    if found.deprecated_at and found.sunset_at and found.sunset_at < found.deprecated_at:
        raise _fault(path, ["x-lifecycle has sunset_at before deprecated_at"])
    return found


def _moment(path: Path, value: Any) -> datetime | None:
    """YAML reads an unquoted date or moment as such; a day means its beginning in UTC."""
    if value is None:
        return None
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError as error:
            raise _fault(path, [f"x-lifecycle has {value!r}, which is no moment"]) from error
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime.combine(value, time.min, UTC)
    raise _fault(path, [f"x-lifecycle has {value!r}, which is no moment"])


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_words(part)}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_words(part) for part in value)
    return "" if value is None else str(value)


def _fault(path: Path, faults: Sequence[str]) -> Failure:
    return Failure(Kind.MISCONFIGURED, f"{path.parent.name}/{path.name}: {', '.join(faults)}")
