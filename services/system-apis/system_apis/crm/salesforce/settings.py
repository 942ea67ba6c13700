"""What a Salesforce connection needs: where and as whom it signs in, and how this organisation names its own fields."""

from typing import Literal

import msgspec

from servicekit.settings import Secret


class AccountFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Fields of Account. `country` must hold ISO 3166-1 alpha-2: the code field of state and country picklists does."""

    country: str = "BillingCountryCode"
    billing_email: str = "Billing_Email__c"
    tax_id: str = "Tax_Id__c"
    tax_country: str = "Tax_Country__c"  # empty in a record: the billing country


class OpportunityFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The firm's own fields of Opportunity."""

    kind: str = "Syncline_Kind__c"
    legal_entity: str = "Legal_Entity__c"


class ContractFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The firm's own fields of Contract, and the method on the lines of its deal."""

    legal_entity: str = "Legal_Entity__c"
    cost_centre: str = "Cost_Centre__c"
    billing_method: str = "Billing_Method__c"
    line_billing_method: str = "Billing_Method__c"
    tax_treatment: str = "Tax_Treatment__c"
    payment_terms: str = "Payment_Terms__c"
    po_number: str = "PO_Number__c"
    po_required: str = "PO_Required__c"
    cap_amount: str = "Cap_Amount__c"
    retainer_kind: str = "Retainer_Kind__c"
    retainer_period: str = "Retainer_Period__c"
    retainer_amount: str = "Retainer_Amount__c"
    retainer_hours: str = "Retainer_Hours__c"
    expense_markup: str = "Expense_Markup__c"  # percent on net; empty in a record: no policy was agreed
    planned_margin: str = "Planned_Margin__c"  # percent
    non_standard_terms: str = "Non_Standard_Terms__c"
    amends_contract: str = "Amends_Contract__c"
    total_value: str = "Total_Value__c"


class MilestoneFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The firm's own object of partial payments, a child of Contract."""

    relationship: str = "Billing_Milestones__r"
    key: str = "Key__c"
    title: str = "Title__c"
    amount: str = "Amount__c"
    due_date: str = "Due_Date__c"
    bill_on: str = "Bill_On__c"


class RoleFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The firm's own object of planned roles, a child of Contract. `end_date` is the last day."""

    relationship: str = "Planned_Roles__r"
    key: str = "Key__c"
    role: str = "Role__c"
    skills: str = "Skills__c"  # multi-select picklist
    hours: str = "Hours__c"
    start_date: str = "Start_Date__c"
    end_date: str = "End_Date__c"
    bill_rate: str = "Bill_Rate__c"  # per hour


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One organisation. Fields without a default are required.

    `client_credentials` needs `consumer_secret` and the organisation's My Domain as `login_url`; `jwt_bearer` needs
    `username` and `private_key` (PEM), and any login host will do.
    """

    login_url: str
    consumer_key: str
    grant: Literal["client_credentials", "jwt_bearer"] = "client_credentials"
    consumer_secret: Secret | None = None
    username: str = ""
    private_key: Secret | None = None
    audience: str = ""  # of the signed assertion; "" is the login host
    api_version: str = "67.0"  # Summer '26
    currency: str = ""  # the organisation's only currency; "" where several are switched on
    timeout_s: float = 10.0  # of one call with its retries
    concurrency: int = 8  # calls at a time; Salesforce allows 25 long ones to all clients together
    quota_percent: int = 90  # lists are refused above this share of the day's calls, which others need too
    feed_hold_s: float = 120.0  # how long a call to the change feed may wait; Salesforce answers within 110 s
    words: dict[str, str] = {}  # this organisation's picklist values -> ours, where they are not ours in capitals
    account: AccountFields = AccountFields()
    opportunity: OpportunityFields = OpportunityFields()
    contract: ContractFields = ContractFields()
    milestone: MilestoneFields = MilestoneFields()
    role: RoleFields = RoleFields()

    def __post_init__(self) -> None:
        if self.grant == "client_credentials" and self.consumer_secret is None:
            raise ValueError("client_credentials needs consumer_secret")
        if self.grant == "jwt_bearer" and (self.private_key is None or not self.username):
            raise ValueError("jwt_bearer needs username and private_key")
