"""The envelope of every canonical event. Source: CloudEvents 1.0.2, JSON format; its names are the standard's own."""

from __future__ import annotations

import msgspec

from canonical.moments import Moment


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One fact. `subject` is the canonical id and the ordering key; `data` is the JSON of the event's own struct.

    None in an optional attribute means "not set" (the JSON format allows null for it).
    """

    id: str
    """The same fact always has the same id, by whatever road it was learnt."""
    source: str
    """URI reference of the one producer, such as `/system/crm/salesforce`."""
    type: str
    """`syncline.<name>.v<major>`."""
    subject: str
    time: Moment
    """When it happened, UTC."""
    data: msgspec.Raw
    specversion: str = "1.0"
    datacontenttype: str = "application/json"
    dataschema: str | None = None
    traceparent: str | None = None
    """W3C trace context of the work that noticed the fact (CloudEvents distributed tracing extension)."""
    correlationid: str | None = None
    sequence: str | None = None
    """Decimal number, 1, 2, 3 ... per (source, subject), given by the event log (CloudEvents sequence extension)."""
    legalentity: str | None = None
