"""Events for readers, from AsyncAPI documents. Source: AsyncAPI 3.0."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
import yaml

from gateway.contracts import Document, resolve
from gateway.docs.prose import phrase, prose
from gateway.docs.schemas import members, sample
from gateway.markup import Child, Markup, code, facts, page, table, tag
from servicekit.failures import Failure, Kind


class EventFile(msgspec.Struct, frozen=True, kw_only=True):
    """One AsyncAPI document, and the folder that its references to other files start from."""

    name: str
    folder: Path
    document: Document
    source: bytes


def read_events(folder: Path) -> tuple[EventFile, ...]:
    """Every AsyncAPI file in *folder*; MISCONFIGURED when one cannot be read."""
    return tuple(_event_file(path) for path in sorted(folder.glob("*.yaml")))


def events_page(files: Sequence[EventFile]) -> bytes:
    """Every message of every channel, with its owner and its schema."""
    if not files:
        return page("Events", tag("p", "No events are described here."))
    return page("Events", [_document(file) for file in files])


def _event_file(path: Path) -> EventFile:
    source = path.read_bytes()
    document = _yaml(path, source)
    if not isinstance(document, Mapping) or "asyncapi" not in document:
        raise Failure(Kind.MISCONFIGURED, f"{path.name} is not an AsyncAPI document")
    return EventFile(name=path.stem, folder=path.parent, document=document, source=source)


def _document(file: EventFile) -> Markup:
    info = file.document.get("info", {})
    messages = _messages(file)
    rows = [(_anchor(name), code(address), phrase(message.get("summary"))) for name, address, message in messages]
    return tag(
        "section",
        tag("h2", f"{info.get('title', file.name)} {info.get('version', '')}".strip()),
        prose(info.get("description")),
        tag("p", tag("a", "AsyncAPI, YAML", href=f"/docs/asyncapi/{file.name}.yaml")),
        table("Messages", ("Message", "Channel", "Meaning"), rows),
        [_message(file, name, address, message) for name, address, message in messages],
    )


def _messages(file: EventFile) -> list[tuple[str, str, Mapping[str, Any]]]:
    found = []
    for key, node in (file.document.get("channels") or {}).items():
        channel = resolve(file.document, node)
        for name, message in (channel.get("messages") or {}).items():
            found.append((str(name), str(channel.get("address", key)), _followed(file, message)))
    return found


def _message(file: EventFile, name: str, address: str, message: Mapping[str, Any]) -> Markup:
    extensions: dict[str, Child] = {
        key.removeprefix("x-").replace("-", " ").capitalize(): str(value)
        for key, value in message.items()
        if key.startswith("x-") and isinstance(value, str | int | float)
    }
    payload = _followed(file, message.get("payload", True))
    return tag(
        "article",
        tag("h3", str(message.get("title", message.get("name", name)))),
        prose(message.get("description") or message.get("summary")),
        facts({"Name": code(str(message.get("name", name))), "Channel": code(address), **extensions}),
        members(file.document, payload, f"Payload of {name}"),
        [sample(example["payload"]) for example in message.get("examples") or () if "payload" in example],
        class_="operation",
        id=name,
    )


def _followed(file: EventFile, node: Any) -> Any:
    """What a reference leads to, in this file or in another below the contracts' folder."""
    if isinstance(node, Mapping) and "schema" in node and "schemaFormat" in node:
        node = node["schema"]
    if not isinstance(node, Mapping) or "$ref" not in node or str(node["$ref"]).startswith("#"):
        return resolve(file.document, node)
    relative, _, pointer = str(node["$ref"]).partition("#")
    target = (file.folder / relative).resolve()
    if not target.is_relative_to(file.folder.resolve().parent) or not target.is_file():
        raise Failure(Kind.MISCONFIGURED, f"{file.name} refers to {relative}, which is not among the contracts")
    other = _yaml(target, target.read_bytes())
    return resolve(other, {"$ref": f"#{pointer}"} if pointer else other)


def _yaml(path: Path, source: bytes) -> Document:
    try:
        return cast("Document", yaml.safe_load(source))
    except yaml.YAMLError as error:
        raise Failure(Kind.MISCONFIGURED, f"{path.name} is not YAML") from error


def _anchor(name: str) -> Markup:
    return tag("a", name, href=f"#{name}")
