"""The events' contracts, from their structs: JSON Schemas, and the AsyncAPI document that names producers."""

from __future__ import annotations

from typing import Any

import msgspec

from canonical.envelope import Event
from canonical.events import EVENTS
from servicekit.relay import STREAM

# One producer per event.
PRODUCERS = {
    "opportunity-won": "system-crm",
    "employee-created": "system-hr",
    "project-approved": "process-project-onboarding",
    "project-activated": "process-project-onboarding",
    "contract-amended": "process-project-onboarding",
    "time-approved": "system-psa",
    "time-approval-withdrawn": "system-psa",
    "expense-approved": "system-psa",
    "milestone-accepted": "system-psa",
    "invoice-approved": "process-invoice-release",
    "invoice-issued": "system-billing",
    "invoice-posted": "process-invoice-release",
    "revenue-posted": "process-revenue-recognition",
    "exception-raised": "process-operations",
    "exception-resolved": "process-operations",
}
SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def short_name(event_type: str) -> str:
    """`syncline.opportunity-won.v1` -> `opportunity-won`."""
    return event_type.split(".")[1]


def schema_of(event_type: str) -> dict[str, Any]:
    """The JSON Schema of an event's data."""
    schema = msgspec.json.schema(EVENTS[event_type], ref_template="#/$defs/{name}")
    return {"$schema": SCHEMA_DIALECT, "$id": f"https://syncline.dev/events/{event_type}", **schema}


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3.0 document of the event backbone."""
    messages = {short_name(kind): _message(kind) for kind in EVENTS}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Syncline events",
            "version": "1.0.0",
            "description": (
                "CloudEvents 1.0 in JSON mode. At least once, in order per subject; consumers dedupe on source and id. "
                "Schemas are compatible within a major version: only optional members are added."
            ),
        },
        "channels": {
            "events": {
                "address": STREAM,
                "description": "A Redis stream that a relay fills from the event log in PostgreSQL.",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
            }
        },
        "operations": {
            f"publish-{name}": {
                "action": "send",
                "channel": {"$ref": "#/channels/events"},
                "messages": [{"$ref": f"#/channels/events/messages/{name}"}],
                "x-producer": PRODUCERS[name],
            }
            for name in messages
        },
        "components": {
            "messages": messages,
            "schemas": {"envelope": _envelope()},
        },
    }


def _message(event_type: str) -> dict[str, Any]:
    struct = EVENTS[event_type]
    return {
        "name": event_type,
        "title": short_name(event_type),
        "summary": (struct.__doc__ or "").strip().splitlines()[0],
        "contentType": "application/cloudevents+json",
        "x-ordering-key": "subject",
        "payload": {
            "allOf": [
                {"$ref": "#/components/schemas/envelope"},
                {"properties": {"data": {"$ref": f"../events/{short_name(event_type)}.v1.schema.json"}}},
            ]
        },
    }


def _envelope() -> dict[str, Any]:
    schema = msgspec.json.schema(Event)
    return {**schema["$defs"]["Event"], "description": "The CloudEvents 1.0 envelope."}
