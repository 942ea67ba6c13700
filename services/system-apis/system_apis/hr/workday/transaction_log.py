"""Get_Workers over the transaction log, references only. Source: Workday Web Services, Human_Resources v44.2.

One window is not enough: what was entered in it, and what was entered earlier but becomes effective in it.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Literal

import msgspec
from lxml import etree

from servicekit.failures import Failure, Kind
from system_apis.hr.workday.errors import unreadable

ENV = "http://schemas.xmlsoap.org/soap/envelope/"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
TEXT_PASSWORD = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText"  # noqa: S105  a type
WD = "urn:com.workday/bsvc"
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
# Days begin up to 14 hours before and 12 hours after UTC's: a window takes in the days of all time zones.
FIRST_ZONE, LAST_ZONE = timedelta(hours=14), timedelta(hours=12)


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where reading the changes has got to. `through` is frozen, so that the pages of one reading fit together."""

    window: Literal["entered", "effective"]
    page: int
    through: datetime

    def __str__(self) -> str:
        return f"{self.window}|{self.page}|{self.through.isoformat()}"


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A page of WIDs, and whether there are more pages in this window."""

    wids: tuple[str, ...]
    more: bool


def to_place(text: str) -> Place:
    """Raises MALFORMED `invalid_cursor`."""
    try:
        window, page, through = text.split("|")
        return msgspec.convert({"window": window, "page": int(page), "through": through}, Place)
    except ValueError as error:
        raise Failure(Kind.MALFORMED, "the cursor cannot be read", code="invalid_cursor") from error


def envelope(  # the whole request reads top down
    since: datetime, place: Place, *, count: int, as_of_day: date, user: str, password: str, version: str
) -> bytes:
    """The request for one page of one window. `user` is `{integration user}@{tenant}`."""
    root = etree.Element(f"{{{ENV}}}Envelope", nsmap={"soapenv": ENV, "bsvc": WD})
    security = etree.SubElement(_under(root, ENV, "Header"), f"{{{WSSE}}}Security", nsmap={"wsse": WSSE})
    security.set(f"{{{ENV}}}mustUnderstand", "1")
    token = _under(security, WSSE, "UsernameToken")
    _under(token, WSSE, "Username", user)
    _under(token, WSSE, "Password", password).set("Type", TEXT_PASSWORD)
    request = _under(_under(root, ENV, "Body"), WD, "Get_Workers_Request")
    request.set(f"{{{WD}}}version", version)
    criteria = _under(request, WD, "Request_Criteria")
    span = _under(_under(criteria, WD, "Transaction_Log_Criteria_Data"), WD, "Transaction_Date_Range_Data")
    for name, text in _window(since, place).items():
        _under(span, WD, name, text)
    _under(criteria, WD, "Exclude_Inactive_Workers", "false")
    _under(criteria, WD, "Exclude_Contingent_Workers", "false")
    response_filter = _under(request, WD, "Response_Filter")
    _under(response_filter, WD, "As_Of_Effective_Date", as_of_day.isoformat())
    _under(response_filter, WD, "As_Of_Entry_DateTime", _text(place.through))
    _under(response_filter, WD, "Page", str(place.page))
    _under(response_filter, WD, "Count", str(count))
    _under(_under(request, WD, "Response_Group"), WD, "Include_Reference", "true")
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def found(content: bytes) -> Found:
    """What an answer holds. A worker without its reference is a BAD_UPSTREAM: it could not be read again."""
    try:
        root = etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True))
        results = root.find(f".//{{{WD}}}Response_Results")
        page, pages = (int(results.findtext(f"{{{WD}}}{name}") or "") for name in ("Page", "Total_Pages"))  # type: ignore[union-attr]
    except (etree.XMLSyntaxError, ValueError, AttributeError) as error:
        raise unreadable("no Response_Results") from error
    workers = root.findall(f".//{{{WD}}}Response_Data/{{{WD}}}Worker")
    wids = [worker.findtext(f"{{{WD}}}Worker_Reference/{{{WD}}}ID[@{{{WD}}}type='WID']") for worker in workers]
    known = tuple(wid for wid in wids if wid)
    if len(known) != len(workers):
        raise unreadable("a worker without a WID")
    return Found(wids=known, more=page < pages)


def _window(since: datetime, place: Place) -> dict[str, str]:
    if place.window == "entered":
        return {"Updated_From": _text(since), "Updated_Through": _text(place.through)}
    return {
        "Updated_From": _text(LONG_AGO),
        "Updated_Through": _text(since),
        "Effective_From": (since - LAST_ZONE).date().isoformat(),
        "Effective_Through": (place.through + FIRST_ZONE).date().isoformat(),
    }


def _under(parent: etree._Element, namespace: str, name: str, text: str | None = None) -> etree._Element:
    made = etree.SubElement(parent, f"{{{namespace}}}{name}")
    made.text = text
    return made


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
