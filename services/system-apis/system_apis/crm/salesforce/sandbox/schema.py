"""The organisation's objects: the standard ones that a services firm uses, and the firm's own (`__c`)."""

from dataclasses import dataclass, field, replace
from functools import cache

NUMBERS = frozenset({"double", "currency", "percent"})


@dataclass(frozen=True, kw_only=True)
class Field:
    """A field as `describe` tells it. `relation` and `children` name the two ends of a reference."""

    name: str
    type: str
    label: str = ""
    length: int = 255
    scale: int = 2
    required: bool = False
    createable: bool = True
    updateable: bool = True
    refers: str = ""
    relation: str = ""
    children: str = ""
    external_id: bool = False
    values: tuple[str, ...] = ()
    values_of: str = ""  # the setup object whose active rows are the picklist
    default: str | bool | None = None


@dataclass(frozen=True, kw_only=True)
class SObject:
    """A type of record. `writable` is false for what only an administrator changes."""

    name: str
    prefix: str
    label: str
    fields: dict[str, Field]
    writable: bool = True
    by_lower: dict[str, Field] = field(default_factory=dict)

    def field(self, name: str) -> Field | None:
        """The field of that name, in any case."""
        return self.by_lower.get(name.lower())

    def parent(self, relation: str) -> Field | None:
        """The reference field behind a parent relationship such as `Account` or `Contract__r`."""
        return next((f for f in self.fields.values() if f.relation and f.relation.lower() == relation.lower()), None)


@dataclass(frozen=True)
class Schema:
    """All objects of the organisation."""

    objects: dict[str, SObject]

    def find(self, name: str) -> SObject | None:
        return next((known for known in self.objects.values() if known.name.lower() == name.lower()), None)

    def children(self, parent: SObject, relationship: str) -> tuple[SObject, Field] | None:
        """The child object and its reference field behind a relationship such as `OpportunityLineItems`."""
        for child in self.objects.values():
            for reference in child.fields.values():
                if reference.refers == parent.name and reference.children.lower() == relationship.lower() != "":
                    return child, reference
        return None

    def of_id(self, record_id: str) -> SObject | None:
        return next((known for known in self.objects.values() if known.prefix == record_id[:3]), None)


@cache
def schema(*, multi_currency: bool) -> Schema:
    """The objects of an organisation; `CurrencyIsoCode` exists only where several currencies are switched on."""
    found = [_complete(described, multi_currency) for described in _OBJECTS]
    return Schema({described.name: described for described in found})


def _complete(described: SObject, multi_currency: bool) -> SObject:
    fields = {f.name: f for f in (*_SYSTEM, *described.fields.values())}
    if multi_currency and described.name in _WITH_CURRENCY:
        fields["CurrencyIsoCode"] = Field(name="CurrencyIsoCode", type="picklist", label="Currency ISO Code", length=3)
    labelled = {
        name: replace(f, label=f.label or name.removesuffix("__c").replace("_", " ")) for name, f in fields.items()
    }
    return replace(described, fields=labelled, by_lower={name.lower(): f for name, f in labelled.items()})


def _read_only(name: str, kind: str, **more: bool | str | int) -> Field:
    return Field(name=name, type=kind, createable=False, updateable=False, **more)  # type: ignore[arg-type]


def _text(name: str, length: int = 255, *, required: bool = False, external_id: bool = False) -> Field:
    return Field(name=name, type="string", length=length, required=required, external_id=external_id)


def _pick(name: str, *values: str, required: bool = False) -> Field:
    return Field(name=name, type="picklist", values=values, required=required)


def _lookup(name: str, refers: str, relation: str, children: str = "", *, required: bool = False) -> Field:
    return Field(
        name=name, type="reference", length=18, refers=refers, relation=relation, children=children, required=required
    )


def _object(name: str, prefix: str, *fields: Field, label: str = "", writable: bool = True) -> SObject:
    named = {f.name: f for f in fields}
    return SObject(name=name, prefix=prefix, label=label or name, fields=named, writable=writable)


_SYSTEM = (
    _read_only("Id", "id", length=18),
    _read_only("IsDeleted", "boolean"),
    _read_only("CreatedDate", "datetime"),
    _read_only("CreatedById", "reference", refers="User", relation="CreatedBy"),
    _read_only("LastModifiedDate", "datetime"),
    _read_only("LastModifiedById", "reference", refers="User", relation="LastModifiedBy"),
    _read_only("SystemModstamp", "datetime"),
)
_WITH_CURRENCY = frozenset(
    ["Account", "Opportunity", "OpportunityLineItem", "Contract", "Billing_Milestone__c", "Planned_Role__c"]
)
_METHODS = (
    "Time and Materials",
    "Capped Time and Materials",
    "Fixed Fee",
    "Milestone",
    "Prepaid Retainer",
    "Fixed Availability",
)
_OBJECTS = (
    _object(
        "Account",
        "001",
        _text("Name", required=True),
        _text("AccountNumber", 40),
        _pick("Type"),
        _pick("Industry"),
        Field(name="Website", type="url"),
        _lookup("ParentId", "Account", "Parent", "ChildAccounts"),
        Field(name="BillingStreet", type="textarea"),
        _text("BillingCity", 40),
        _text("BillingState", 80),
        _text("BillingPostalCode", 20),
        _text("BillingCountry", 80),
        Field(name="BillingCountryCode", type="picklist", length=10),
        _lookup("OwnerId", "User", "Owner"),
        Field(name="Billing_Email__c", type="email", length=80),
        _text("Tax_Id__c", 40),
        _text("Tax_Country__c", 2),
        _text("ERP_Id__c", 40, external_id=True),
    ),
    _object(
        "Opportunity",
        "006",
        _text("Name", 120, required=True),
        _lookup("AccountId", "Account", "Account", "Opportunities"),
        Field(name="StageName", type="picklist", label="Stage", required=True, values_of="OpportunityStage"),
        Field(name="Amount", type="currency"),
        Field(name="CloseDate", type="date", label="Close Date", required=True),
        Field(name="Probability", type="percent", scale=0),
        _pick("Type"),
        Field(name="Description", type="textarea", length=32000),
        _text("NextStep"),
        _lookup("OwnerId", "User", "Owner"),
        _lookup("ContractId", "Contract", "Contract", "Opportunities"),
        _read_only("ForecastCategoryName", "picklist"),
        _read_only("HasOpportunityLineItem", "boolean"),
        _read_only("IsClosed", "boolean"),
        _read_only("IsWon", "boolean"),
        _read_only("LastStageChangeDate", "datetime"),
        _pick("Syncline_Kind__c", "New", "Extension", "Change Order", "Renewal", "No Services"),
        _text("Legal_Entity__c", 10),
        _text("Deal_Key__c", 40, external_id=True),
    ),
    _object(
        "OpportunityLineItem",
        "00k",
        replace(
            _lookup("OpportunityId", "Opportunity", "Opportunity", "OpportunityLineItems", required=True),
            updateable=False,
        ),
        _lookup("Product2Id", "Product2", "Product2"),
        _read_only("ProductCode", "string"),
        _read_only("Name", "string"),
        Field(name="Quantity", type="double", required=True),
        Field(name="UnitPrice", type="currency", label="Sales Price"),
        Field(name="TotalPrice", type="currency"),
        Field(name="ServiceDate", type="date"),
        _text("Description"),
        Field(name="SortOrder", type="int"),
        _pick("Billing_Method__c", *_METHODS),
    ),
    _object(
        "OpportunityHistory",
        "008",
        _lookup("OpportunityId", "Opportunity", "Opportunity", "OpportunityHistories"),
        Field(name="StageName", type="picklist"),
        Field(name="Amount", type="currency"),
        Field(name="CloseDate", type="date"),
        Field(name="Probability", type="percent", scale=0),
        writable=False,
    ),
    _object(
        "Contract",
        "800",
        _lookup("AccountId", "Account", "Account", "Contracts", required=True),
        Field(name="Status", type="picklist", values_of="ContractStatus", default="Draft"),
        _read_only("StatusCode", "picklist"),
        _read_only("ContractNumber", "string"),
        Field(name="StartDate", type="date"),
        _read_only("EndDate", "date"),
        Field(name="ContractTerm", type="int"),
        Field(name="CustomerSignedDate", type="date"),
        _read_only("ActivatedDate", "datetime"),
        _lookup("OwnerId", "User", "Owner"),
        Field(name="SpecialTerms", type="textarea", length=4000),
        Field(name="Description", type="textarea", length=32000),
        _text("Legal_Entity__c", 10),
        _text("Cost_Centre__c", 20),
        _pick("Billing_Method__c", *_METHODS),
        _pick("Tax_Treatment__c", "Standard", "Reduced", "Reverse Charge", "Exempt", "Out of Scope"),
        _text("Payment_Terms__c", 40),
        _text("PO_Number__c", 40),
        Field(name="PO_Required__c", type="boolean", default=False),
        Field(name="Cap_Amount__c", type="currency"),
        _pick("Retainer_Kind__c", "Prepaid Draw-Down", "Fixed Availability", "Minimum Commitment"),
        _pick("Retainer_Period__c", "Month", "Quarter", "Year"),
        Field(name="Retainer_Amount__c", type="currency"),
        Field(name="Retainer_Hours__c", type="double", scale=0),
        Field(name="Expense_Markup__c", type="percent", scale=2),
        Field(name="Planned_Margin__c", type="percent", scale=0),
        Field(name="Non_Standard_Terms__c", type="boolean", default=False),
        _lookup("Amends_Contract__c", "Contract", "Amends_Contract__r", "Amendments__r"),
        Field(name="Total_Value__c", type="currency"),
        _text("Deal_Key__c", 40, external_id=True),
    ),
    _object(
        "Billing_Milestone__c",
        "a00",
        _text("Name", 80),
        _lookup("Contract__c", "Contract", "Contract__r", "Billing_Milestones__r", required=True),
        _text("Key__c", 20, required=True),
        _text("Title__c", 200, required=True),
        Field(name="Amount__c", type="currency", required=True),
        Field(name="Due_Date__c", type="date"),
        _pick("Bill_On__c", "Acceptance", "Completion"),
        label="Billing Milestone",
    ),
    _object(
        "Planned_Role__c",
        "a01",
        _text("Name", 80),
        _lookup("Contract__c", "Contract", "Contract__r", "Planned_Roles__r", required=True),
        _text("Key__c", 20, required=True),
        _text("Role__c", 80, required=True),
        Field(name="Skills__c", type="multipicklist", length=4099),
        Field(name="Hours__c", type="double", scale=0),
        Field(name="Start_Date__c", type="date"),
        Field(name="End_Date__c", type="date"),
        Field(name="Bill_Rate__c", type="currency", scale=5),
        label="Planned Role",
    ),
    _object(
        "Product2", "01t", _text("Name", required=True), _text("ProductCode"), Field(name="IsActive", type="boolean")
    ),
    _object(
        "OpportunityStage",
        "01J",
        _text("MasterLabel"),
        _text("ApiName"),
        Field(name="IsActive", type="boolean"),
        Field(name="IsClosed", type="boolean"),
        Field(name="IsWon", type="boolean"),
        Field(name="DefaultProbability", type="percent", scale=0),
        _text("ForecastCategoryName"),
        Field(name="SortOrder", type="int"),
        writable=False,
    ),
    _object(
        "ContractStatus",
        "02S",
        _text("MasterLabel"),
        _text("ApiName"),
        _text("StatusCode"),
        Field(name="IsDefault", type="boolean"),
        Field(name="SortOrder", type="int"),
        writable=False,
    ),
    _object(
        "User",
        "005",
        _text("Username", 80),
        _text("Name"),
        Field(name="Email", type="email", length=128),
        Field(name="IsActive", type="boolean"),
        writable=False,
    ),
    _object(
        "Organization",
        "00D",
        _text("Name", 80),
        _text("OrganizationType"),
        _text("InstanceName"),
        Field(name="IsSandbox", type="boolean"),
        writable=False,
    ),
)
