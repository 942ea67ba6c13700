"""POST, PUT and DELETE in the sandbox: what is taken in, what is refused, and the two upserts."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from system_apis.psa.kantata.sandbox.kinds import Attribute, KindOfRecord
from system_apis.psa.kantata.sandbox.refusals import Error, forbidden, invalid, malformed, not_found, unprocessable
from system_apis.psa.kantata.sandbox.world import SUBJECTS, Record, Snapshot, World

_REFERENCE = ("service_name", "service_model", "service_model_ref")
_REFERENCE_MORE = ("status", "external_message", "external_link", "external_status", "locked")
_STATUSES = ("pending", "successful", "failed")


def create(world: World, kind: KindOfRecord, body: Mapping[str, Any]) -> list[Record]:
    """One under the singular key, or several under the plural one: all or none."""
    if kind.administered and not world.administrator:
        raise forbidden()
    sent = _sent(kind, body)
    prepared = [_prepared(world, kind, attributes, None) for attributes in sent]
    records = [world.add(kind.key, record) for record in prepared]
    for record, attributes in zip(records, sent, strict=True):
        kind.created(world, record, attributes)
        _attach(world, kind, record, attributes)
    return records


def update(world: World, kind: KindOfRecord, record_id: str, body: Mapping[str, Any]) -> Record:
    """Attributes that are not sent are kept. An archived project can be reached here, or none could be brought back."""
    if kind.administered and not world.administrator:
        raise forbidden()
    former = world.one(kind.key, record_id)
    if former is None:
        raise not_found()
    attributes = body.get(kind.singular)
    if not isinstance(attributes, dict):
        raise malformed(f"param is missing or the value is empty: {kind.singular}")
    prepared = _prepared(world, kind, attributes, former)
    record = world.change(kind.key, former, prepared)
    kind.updated(world, record, former)
    _attach(world, kind, record, attributes)
    return record


def delete(world: World, kind: KindOfRecord, record_id: str) -> None:
    """Final."""
    record = world.one(kind.key, record_id)
    if record is None:
        raise not_found()
    errors = kind.deletable(world, record)
    if errors:
        raise unprocessable(errors)
    world.remove(kind.key, record)


def create_or_update_reference(world: World, body: Mapping[str, Any]) -> Record:
    """A record has one reference per service name: a second one replaces what the first one said."""
    sent = body.get("external_reference")
    if not isinstance(sent, dict):
        raise malformed("param is missing or the value is empty: external_reference")
    subject_type, subject_id = sent.get("subject_type"), sent.get("subject_id")
    errors = _reference_errors(sent)
    key = {subject: key for key, subject in SUBJECTS.items()}.get(str(subject_type))
    if key is None:
        errors.append(invalid("subject_type", "Subject type is not included in the list"))
    elif world.one(key, subject_id) is None:
        errors.append(invalid("subject_id", "Subject must exist"))
    if errors:
        raise unprocessable(errors)
    return _keep_reference(world, str(subject_type), str(subject_id), sent)


def set_custom_field_values(world: World, body: Mapping[str, Any]) -> list[Record]:
    """An upsert by field and record."""
    single, several = body.get("custom_field_value"), body.get("custom_field_values")
    sent = [single] if isinstance(single, dict) else _rows(several)
    if not sent:
        raise malformed("param is missing or the value is empty: custom_field_value")
    errors: list[Error] = []
    for row in sent:
        errors += [
            invalid(name, f"{name} can't be blank") for name in ("subject_type", "subject_id") if not row.get(name)
        ]
        errors += _field_errors(world, str(row.get("subject_type")), str(row.get("subject_id")), row)
    if errors:
        raise unprocessable(errors)
    return [_keep_value(world, row["subject_type"], str(row["subject_id"]), row) for row in sent]


def _sent(kind: KindOfRecord, body: Mapping[str, Any]) -> list[dict[str, Any]]:
    single, several = body.get(kind.singular), body.get(kind.key)
    if isinstance(single, dict):
        return [single]
    if kind.bulk > 1 and isinstance(several, list) and several and all(isinstance(row, dict) for row in several):
        if len(several) > kind.bulk:
            raise malformed(f"at most {kind.bulk} {kind.key} can be created at once")
        return several
    raise malformed(f"param is missing or the value is empty: {kind.singular}")


def _rows(value: Any) -> list[dict[str, Any]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _prepared(world: World, kind: KindOfRecord, attributes: dict[str, Any], former: Record | None) -> Record:
    """The record as it will be kept. Attributes that Kantata does not know are passed over in silence."""
    record = dict(former or {})
    errors: list[Error] = []
    for name, attribute in kind.attributes.items():
        if name in attributes and not (former is not None and attribute.fixed):
            record[name] = _taken(world, name, attribute, attributes[name], errors)
        elif former is None:
            record.setdefault(name, list(attribute.default) if attribute.form == "ids" else attribute.default)
        if former is None and attribute.required and record.get(name) in {None, ""}:
            errors.append(invalid(name, attribute.required))
    if not errors:
        record = kind.completed(world, record)
        errors += kind.check(world, record, former)
    errors += _attachment_errors(world, kind, attributes)
    if errors:
        raise unprocessable(errors)
    return record


def _taken(world: World, name: str, attribute: Attribute, value: Any, errors: list[Error]) -> Any:
    if value is None:
        return None
    try:
        return _converted(world, attribute, value)
    except (ValueError, TypeError):
        errors.append(invalid(name, f"{name} is invalid"))
        return value if isinstance(value, str | int | float | bool) else str(value)


def _converted(world: World, attribute: Attribute, value: Any) -> Any:  # noqa: PLR0911  a form each
    """Raises ValueError. Text stands for numbers and flags as well: the same attributes come as form fields."""
    match attribute.form:
        case "whole":
            return int(value) if not isinstance(value, bool | float) else _refuse()
        case "amount":
            return float(value) if not isinstance(value, bool) else _refuse()
        case "flag":
            return {"true": True, "false": False, "1": True, "0": False}.get(str(value).casefold()) is True
        case "day":
            return date.fromisoformat(value).isoformat()
        case "id":
            return str(value) if world.one(attribute.target, value) is not None else _refuse()
        case "ids":
            return [str(one) if world.one(attribute.target, one) is not None else _refuse() for one in value]
        case "choice":
            return value if value in attribute.choices else _refuse()
        case "object":
            return value if isinstance(value, dict) else _refuse()
        case "text":
            return str(value)


def _refuse() -> Any:
    raise ValueError("not a value of this form")


def _attachment_errors(world: World, kind: KindOfRecord, attributes: Mapping[str, Any]) -> list[Error]:
    errors: list[Error] = []
    if kind.referencable and isinstance(attributes.get("external_reference"), dict):
        errors += _reference_errors(attributes["external_reference"])
    for row in _rows(attributes.get("custom_fields")):
        errors += _field_errors(world, SUBJECTS.get(kind.key, ""), "", row)
    return errors


def _attach(world: World, kind: KindOfRecord, record: Record, attributes: Mapping[str, Any]) -> None:
    subject = SUBJECTS.get(kind.key, "")
    if kind.referencable and isinstance(attributes.get("external_reference"), dict):
        _keep_reference(world, subject, record["id"], attributes["external_reference"])
    for row in _rows(attributes.get("custom_fields")):
        _keep_value(world, subject, record["id"], row)


def _reference_errors(sent: Mapping[str, Any]) -> list[Error]:
    errors = [
        invalid(name, f"{name.replace('_', ' ').capitalize()} can't be blank")
        for name in _REFERENCE
        if not sent.get(name)
    ]
    if sent.get("status", "successful") not in _STATUSES:
        errors.append(invalid("status", "Status is not included in the list"))
    return errors


def _keep_reference(world: World, subject_type: str, subject_id: str, sent: Mapping[str, Any]) -> Record:
    body: Record = {"subject_type": subject_type, "subject_id": subject_id, "status": "successful"}
    body |= {name: str(sent[name]) for name in _REFERENCE}
    body |= {name: sent[name] for name in _REFERENCE_MORE if name in sent}
    body["last_synced_at"] = world.now().isoformat()
    attached = Snapshot(world).attached("external_references", subject_type, subject_id)
    former = [row for row in attached if row["service_name"] == body["service_name"]]
    return world.change("external_references", former[0], body) if former else world.add("external_references", body)


def _field_errors(world: World, subject_type: str, subject_id: str, row: Mapping[str, Any]) -> list[Error]:
    custom_field = world.one("custom_fields", row.get("custom_field_id"))
    if custom_field is None or custom_field["subject_type"] != subject_type:
        return [invalid("custom_field_id", "Custom field must exist")]
    taken = custom_field.get("unique_constraint") and world.store.find(
        "custom_field_values",
        lambda value: (
            value["custom_field_id"] == custom_field["id"]
            and value["value"] == row.get("value")
            and value["subject_id"] != subject_id
        ),
    )
    return [invalid("value", "Value has already been taken")] if taken else []


def _keep_value(world: World, subject_type: str, subject_id: str, row: Mapping[str, Any]) -> Record:
    body: Record = {
        "subject_type": subject_type,
        "subject_id": subject_id,
        "custom_field_id": str(row["custom_field_id"]),
        "value": row.get("value"),
        "display_value": str(row.get("value")),
    }
    former = world.store.find(
        "custom_field_values",
        lambda value: all(value[name] == body[name] for name in ("subject_type", "subject_id", "custom_field_id")),
    )
    return world.change("custom_field_values", former[0], body) if former else world.add("custom_field_values", body)
