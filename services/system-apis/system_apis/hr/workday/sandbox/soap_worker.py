"""A worker as Get_Workers tells it: reference, personal data, employment and organisations, as they were asked for."""

from collections.abc import Callable
from datetime import date

from lxml import etree

from system_apis.hr.workday.sandbox.history import Row, Staff, WorkerFile, id_type, wid
from system_apis.hr.workday.sandbox.rest import DATES
from system_apis.hr.workday.sandbox.wql import CONTACT, POSITIONS

WD = "urn:com.workday/bsvc"


def element(name: str, text: str | None = None, parent: etree._Element | None = None) -> etree._Element:
    """An element of Workday's namespace."""
    tag = f"{{{WD}}}{name}"
    made = etree.Element(tag, nsmap={"wd": WD}) if parent is None else etree.SubElement(parent, tag)
    made.text = text
    return made


def described(file: WorkerFile, staff: Staff, day: date, wants: Callable[[str], bool]) -> etree._Element:
    """The worker as of `day`. What was not asked for is absent, and so is what our security hides."""
    worker = element("Worker")
    if wants("Include_Reference"):
        worker.append(_reference("Worker_Reference", id_type(file), file.number, file.wid, file.descriptor(day)))
    element("Worker_Descriptor", file.descriptor(day), worker)
    data = element("Worker_Data", parent=worker)
    element("Worker_ID", file.number, data)
    values, hidden = file.values_on(day), staff.hidden()
    if wants("Include_Personal_Information"):
        _personal(data, values, with_contact=CONTACT not in hidden)
    if wants("Include_Employment_Information"):
        employment = element("Employment_Data", parent=data)
        if POSITIONS not in hidden:
            _job(employment, file, values, with_organisations=wants("Include_Organizations"))
        if DATES not in hidden:
            _status(employment, file, day)
    return worker


def _personal(data: etree._Element, values: Row, *, with_contact: bool) -> None:
    personal = element("Personal_Data", parent=data)
    preferred = element("Preferred_Name_Data", parent=element("Name_Data", parent=personal))
    detail = element("Name_Detail_Data", parent=preferred)
    detail.set(f"{{{WD}}}Formatted_Name", f"{values['firstName']} {values['lastName']}")
    element("First_Name", values["firstName"], detail)
    element("Last_Name", values["lastName"], detail)
    if with_contact and values.get("email"):
        contact = element("Contact_Data", parent=personal)
        address = element("Email_Address_Data", parent=contact)
        element("Email_Address", values["email"], address)
        kind = element("Type_Data", parent=element("Usage_Data", parent=address))
        kind.set(f"{{{WD}}}Primary", "1")
        kind.append(_reference("Type_Reference", "Communication_Usage_Type_ID", "WORK", wid("usage", "WORK")))


def _status(employment: etree._Element, file: WorkerFile, day: date) -> None:
    """Booleans are 1 and 0; who leaves later is active and has a date."""
    status = element("Worker_Status_Data", parent=employment)
    element("Active", "1" if file.active_on(day) else "0", status)
    for name, value in (("Hire_Date", file.hire_date), ("Original_Hire_Date", file.original_hire_date)):
        element(name, "" if value is None else value.isoformat(), status)
    ended = file.termination_date
    element("Terminated", "1" if ended is not None and ended < day else "0", status)
    if ended is not None:
        element("Termination_Date", ended.isoformat(), status)


def _job(employment: etree._Element, file: WorkerFile, values: Row, *, with_organisations: bool) -> None:
    job = element("Worker_Job_Data", parent=employment)
    position = element("Position_Data", parent=job)
    element("Position_ID", f"P-{file.number}", position)
    element("Business_Title", values.get("businessTitle", values["jobProfile"]), position)
    summary = element("Job_Profile_Summary_Data", parent=position)
    element("Job_Profile_Name", values["jobProfile"], summary)
    element("Name", values["location"], element("Business_Site_Summary_Data", parent=position))
    if not with_organisations:
        return
    organisations = element("Position_Organizations_Data", parent=job)
    for kind, name in (("COMPANY", "company"), ("COST_CENTER", "costCenter")):
        organisation = element("Position_Organization_Data", parent=organisations)
        detail = element("Organization_Data", parent=organisation)
        element("Organization_Code", values[name]["code"], detail)
        element("Organization_Name", values[name]["name"], detail)
        kind_id = wid("organizationType", kind)
        detail.append(_reference("Organization_Type_Reference", "Organization_Type_ID", kind, kind_id))


def _reference(name: str, id_kind: str, value: str, record_wid: str, descriptor: str | None = None) -> etree._Element:
    reference = element(name)
    if descriptor is not None:
        reference.set(f"{{{WD}}}Descriptor", descriptor)
    for kind, text in (("WID", record_wid), (id_kind, value)):
        element("ID", text, reference).set(f"{{{WD}}}type", kind)
    return reference
