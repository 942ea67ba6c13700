"""Get_Workers of Human_Resources v44.2: WS-Security, pages, as-of clocks, and the transaction log's windows."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from math import ceil

from lxml import etree
from starlette.requests import Request
from starlette.responses import Response

from system_apis.hr.workday.sandbox.history import Staff, Transaction, WorkerFile, id_type
from system_apis.hr.workday.sandbox.oauth import Access
from system_apis.hr.workday.sandbox.soap_worker import WD, described, element

ENV = "http://schemas.xmlsoap.org/soap/envelope/"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
TEXT_PASSWORD = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText"  # noqa: S105  a type
MAX_COUNT = 999
# The schema fixes the order of elements.
ORDERS = {
    "Get_Workers_Request": ("Request_References", "Request_Criteria", "Response_Filter", "Response_Group"),
    "Request_Criteria": (
        "Transaction_Log_Criteria_Data",
        "Exclude_Inactive_Workers",
        "Exclude_Employees",
        "Exclude_Contingent_Workers",
    ),
    "Transaction_Log_Criteria_Data": ("Transaction_Date_Range_Data",),
    "Transaction_Date_Range_Data": ("Updated_From", "Updated_Through", "Effective_From", "Effective_Through"),
    "Response_Filter": ("As_Of_Effective_Date", "As_Of_Entry_DateTime", "Page", "Count"),
}


class Fault(Exception):  # noqa: N818  the vendor's answer
    """A SOAP fault; its HTTP status is 500, whatever it is."""

    def __init__(self, code: str, text: str, path: str = "") -> None:
        super().__init__(code, text)
        self.code, self.text, self.path = code, text, path


@dataclass(frozen=True)
class Asked:
    """A request as it was understood. `windows` are none without a transaction log."""

    references: frozenset[tuple[str, str]] | None
    updated: tuple[datetime, datetime] | None
    effective: tuple[date, date] | None
    without_inactive: bool
    without_employees: bool
    without_contingents: bool
    as_of_day: date
    as_of_entry: datetime
    page: int
    count: int
    groups: frozenset[str] | None

    def wants(self, group: str, *, by_default: bool = True) -> bool:
        return by_default if self.groups is None else group in self.groups


class Soap:
    """The service's one operation that we have."""

    def __init__(self, access: Access, staff: Staff, tenant: str) -> None:
        self._access = access
        self._staff = staff
        self._tenant = tenant

    async def answer(self, request: Request) -> Response:
        try:
            body = self._admitted(await request.body())
            content = self._workers(body)
        except Fault as fault:
            return Response(_fault(fault), 500, media_type="text/xml")
        return Response(_enveloped(content), 200, media_type="text/xml")

    def _admitted(self, content: bytes) -> etree._Element:
        """The request inside the envelope of someone who may ask."""
        try:
            parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
            envelope = etree.fromstring(content, parser)
        except etree.XMLSyntaxError as error:
            raise Fault("Client.validationError", "Validation error occurred. The envelope cannot be read.") from error
        token = envelope.find(f"{{{ENV}}}Header/{{{WSSE}}}Security/{{{WSSE}}}UsernameToken")
        name, password = self._access.user()
        given = (_text(token, f"{{{WSSE}}}Username"), _text(token, f"{{{WSSE}}}Password"))
        if given != (f"{name}@{self._tenant}", password):
            raise Fault("Client.authenticationError", "invalid username or password")
        body = envelope.find(f"{{{ENV}}}Body/{{{WD}}}Get_Workers_Request")
        if body is None:
            raise Fault("Client.validationError", "Validation error occurred. The operation is not known.")
        return body

    def _workers(self, body: etree._Element) -> etree._Element:
        asked = self._asked(body)
        found = [file for file in self._staff.files(asked.as_of_entry) if self._matches(file, asked)]
        found.sort(key=lambda file: file.wid)
        shown = found[(asked.page - 1) * asked.count : asked.page * asked.count]
        answer = element("Get_Workers_Response")
        answer.set(f"{{{WD}}}version", "v44.2")
        results = element("Response_Results", parent=answer)
        totals = {"Total_Results": len(found), "Total_Pages": ceil(len(found) / asked.count)}
        for name, value in (totals | {"Page_Results": len(shown), "Page": asked.page}).items():
            element(name, str(value), results)
        data = element("Response_Data", parent=answer)
        for file in shown:
            data.append(described(file, self._staff, asked.as_of_day, asked.wants))
        return answer

    def _matches(self, file: WorkerFile, asked: Asked) -> bool:
        """Who is still to start on the as-of day is not there yet."""
        if file.hire_date is None or file.hire_date > asked.as_of_day:
            return False
        if asked.references is not None:
            return bool({("WID", file.wid), (id_type(file), file.number)} & asked.references)
        if (asked.without_employees and file.is_employee) or (asked.without_contingents and not file.is_employee):
            return False
        if asked.without_inactive and not file.active_on(asked.as_of_day):
            return False
        return asked.updated is None or any(_in_log(transaction, asked) for transaction in file.all)

    def _asked(self, body: etree._Element) -> Asked:
        _check_order(body)
        references = body.find(f"{{{WD}}}Request_References")
        criteria = body.find(f"{{{WD}}}Request_Criteria")
        if references is not None and criteria is not None:
            raise _invalid("Request_References and Request_Criteria exclude each other.", "Request_Criteria")
        response_filter, group = body.find(f"{{{WD}}}Response_Filter"), body.find(f"{{{WD}}}Response_Group")
        updated, effective = self._windows(criteria)
        count = int(_child(response_filter, "Count") or 100)
        if not 1 <= count <= MAX_COUNT:
            raise _invalid(f"Count is between 1 and {MAX_COUNT}.", "Count")
        entry = _child(response_filter, "As_Of_Entry_DateTime")
        return Asked(
            references=None if references is None else self._references(references),
            updated=updated,
            effective=effective,
            without_inactive=_flag(criteria, "Exclude_Inactive_Workers"),
            without_employees=_flag(criteria, "Exclude_Employees"),
            without_contingents=_flag(criteria, "Exclude_Contingent_Workers"),
            as_of_day=_day(_child(response_filter, "As_Of_Effective_Date")) or self._staff.today(),
            as_of_entry=_moment(entry, "As_Of_Entry_DateTime") if entry else self._staff.now(),
            page=int(_child(response_filter, "Page") or 1),
            count=count,
            groups=None if group is None else frozenset(_local(c) for c in group if c.text in {"true", "1"}),
        )

    def _windows(
        self, criteria: etree._Element | None
    ) -> tuple[tuple[datetime, datetime] | None, tuple[date, date] | None]:
        path = f"{{{WD}}}Transaction_Log_Criteria_Data/{{{WD}}}Transaction_Date_Range_Data"
        span = None if criteria is None else criteria.find(path)
        if span is None:
            return None, None
        first, last = _child(span, "Updated_From"), _child(span, "Updated_Through")
        if not first or not last:
            raise _invalid("Updated From and Updated Through are both required.", "Updated_From")
        updated = (_moment(first, "Updated_From"), _moment(last, "Updated_Through"))
        if updated[1] > self._staff.now():
            raise _invalid("Updated Through may not be in the future.", "Updated_Through")
        days = (_day(_child(span, "Effective_From")), _day(_child(span, "Effective_Through")))
        if days == (None, None):
            return updated, None
        return updated, (days[0] or date.min, days[1] or date.max)

    def _references(self, references: etree._Element) -> frozenset[tuple[str, str]]:
        """The ids asked for. One that nobody has is an error, unless such ones are to be skipped."""
        ids = references.iter(f"{{{WD}}}ID")
        found = frozenset((entry.get(f"{{{WD}}}type", ""), entry.text or "") for entry in ids)
        known = {pair for file in self._staff.files() for pair in (("WID", file.wid), (id_type(file), file.number))}
        if references.get(f"{{{WD}}}Skip_Non_Existing_Instances") not in {"true", "1"}:
            for kind, value in found - known:
                raise _invalid(f"Invalid ID value. '{value}' is not a valid ID value for type = '{kind}'", "ID")
        return found


def _in_log(transaction: Transaction, asked: Asked) -> bool:
    if asked.updated is None or not asked.updated[0] <= transaction.entered <= asked.updated[1]:
        return False
    return asked.effective is None or asked.effective[0] <= transaction.effective <= asked.effective[1]


def _check_order(parent: etree._Element) -> None:
    """Raises for an element that the schema does not have, or not at that place."""
    order = ORDERS.get(_local(parent))
    place = 0
    for child in parent:
        name = _local(child)
        if order is not None:
            if name not in order or order.index(name) < place:
                raise _invalid(f"Element {name} is not expected here.", name)
            place = order.index(name)
        _check_order(child)


def _invalid(message: str, path: str) -> Fault:
    return Fault("Client.validationError", message, path)


def _local(node: etree._Element) -> str:
    return etree.QName(node).localname


def _child(parent: etree._Element | None, name: str) -> str:
    return _text(parent, f"{{{WD}}}{name}")


def _text(parent: etree._Element | None, path: str) -> str:
    return "" if parent is None else (parent.findtext(path) or "").strip()


def _flag(parent: etree._Element | None, name: str) -> bool:
    return _child(parent, name) in {"true", "1"}


def _day(text: str) -> date | None:
    """A date, with or without the zone that some clients write behind it."""
    return date.fromisoformat(text[:10]) if text else None


def _moment(text: str, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise _invalid(f"{text} is not a date and time.", name) from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _enveloped(content: etree._Element) -> bytes:
    envelope = etree.Element(f"{{{ENV}}}Envelope", nsmap={"env": ENV})
    etree.SubElement(envelope, f"{{{ENV}}}Body").append(content)
    return etree.tostring(envelope, xml_declaration=True, encoding="UTF-8")


def _fault(fault: Fault) -> bytes:
    """A fault inside its envelope; validation faults carry their message again, in detail."""
    node = etree.Element(f"{{{ENV}}}Fault", nsmap={"SOAP-ENV": ENV, "wd": WD})
    etree.SubElement(node, "faultcode").text = f"SOAP-ENV:{fault.code}"
    is_validation = fault.code.endswith("validationError")
    prefix = "Validation error occurred. " if is_validation and not fault.text.startswith("Validation") else ""
    etree.SubElement(node, "faultstring").text = prefix + fault.text
    if is_validation:
        detail = element("Validation_Fault", parent=etree.SubElement(node, "detail"))
        entry = element("Validation_Error", parent=detail)
        element("Message", fault.text, entry)
        element("Detail_Message", fault.text, entry)
        element("Xpath", f"/ns0:Get_Workers_Request[1]//ns0:{fault.path}[1]" if fault.path else "", entry)
    return _enveloped(node)
