"""The demo firm's sales as Salesforce holds them, and what its salespeople do there during the day.

Source: REST API Developer Guide v67.0; the firm's own fields and objects are those of the connector's README.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import httpx

from demo.firm import Client, Deal, Firm
from system_apis.crm.salesforce.sandbox.identifiers import record_id

Body = dict[str, Any]
Row = dict[str, Any]

API = "/services/data/v67.0"
TOKEN_PATH = "/services/oauth2/token"  # noqa: S105  a path
OPEN_STAGE, WON_STAGE = "Negotiation", "Closed Won"
INTEGRATION_USERNAME = "integration@demo.example"
# The prefixes of Salesforce's ids by object.
_PREFIXES = {
    "User": "005",
    "Product2": "01t",
    "Account": "001",
    "Contract": "800",
    "Opportunity": "006",
    "OpportunityHistory": "008",
    "OpportunityLineItem": "00k",
    "Billing_Milestone__c": "a00",
    "Planned_Role__c": "a01",
}
_SMALL_WORDS = frozenset({"and", "of"})


def records(firm: Firm) -> dict[str, list[Row]]:
    """Every object's records on the morning of the day: the day's deals are still being negotiated."""
    return _Telling(firm).records()


def sales_username(firm: Firm, entity: str) -> str:
    """As whom an entity's salespeople sign in; also their e-mail address."""
    return f"sales.{entity}@{firm.domain}".lower()


async def sign_in(http: httpx.AsyncClient, consumer_key: str, consumer_secret: str, refresh_token: str = "") -> None:
    """Open a session for a client whose base URL is the organisation's: a person's by refresh token, or the app's."""
    form = {"client_id": consumer_key, "client_secret": consumer_secret, "grant_type": "client_credentials"}
    if refresh_token:
        form |= {"grant_type": "refresh_token", "refresh_token": refresh_token}
    answer = (await http.post(TOKEN_PATH, data=form)).raise_for_status()
    http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


async def win(http: httpx.AsyncClient, deal: Deal) -> str:
    """Set the deal to won, as a salesperson does; returns its id."""
    return await _set_stage(http, deal, WON_STAGE)


async def reopen(http: httpx.AsyncClient, deal: Deal) -> str:
    """Take the win back; returns the deal's id."""
    return await _set_stage(http, deal, OPEN_STAGE)


async def deliver_again(http: httpx.AsyncClient, control_key: str, deal: Deal) -> int:
    """Have Salesforce send the last change event of the deal once more; says to how many subscribers."""
    wanted = {"record_id": await opportunity_id(http, deal)}
    headers = {"Sandbox-Control-Key": control_key}
    answer = await http.post("/_sandbox/actions/redeliver", json=wanted, headers=headers)
    deliveries: int = answer.raise_for_status().json()["deliveries"]
    return deliveries


async def opportunity_id(http: httpx.AsyncClient, deal: Deal) -> str:
    """Raises IndexError for a deal that Salesforce does not have."""
    query = f"SELECT Id FROM Opportunity WHERE Deal_Key__c = '{deal.key}'"
    answer = (await http.get(f"{API}/query", params={"q": query})).raise_for_status()
    found: str = answer.json()["records"][0]["Id"]
    return found


async def _set_stage(http: httpx.AsyncClient, deal: Deal, stage: str) -> str:
    row_id = await opportunity_id(http, deal)
    (await http.patch(f"{API}/sobjects/Opportunity/{row_id}", json={"StageName": stage})).raise_for_status()
    return row_id


class _Telling:
    """Numbers the records of one firm and says who refers to whom."""

    def __init__(self, firm: Firm) -> None:
        self._firm = firm
        self._deals = (*firm.history, *firm.deals)
        self._numbers: dict[tuple[str, str], int] = {}
        self._counts: dict[str, int] = {}

    def records(self) -> dict[str, list[Row]]:
        told = {
            "User": list(self._users()),
            "Product2": [self._row("Product2", "services", {"Name": "Professional services", "IsActive": True})],
            "Account": [self._row("Account", client.number, self._account(client)) for client in self._firm.clients],
        }
        told["Contract"] = [
            self._row("Contract", deal.key, self._contract(deal), deal)
            for deal in self._deals
            if deal.kind != "no_services"
        ]
        told["Opportunity"] = [self._row("Opportunity", deal.key, self._deal(deal), deal) for deal in self._deals]
        told["OpportunityHistory"] = [row for deal in self._deals for row in self._stages(deal)]
        told["OpportunityLineItem"] = [
            self._row("OpportunityLineItem", deal.key, self._line(deal), deal) for deal in self._deals
        ]
        told["Billing_Milestone__c"] = [row for deal in self._deals for row in self._milestones(deal)]
        told["Planned_Role__c"] = [row for deal in self._deals for row in self._roles(deal)]
        return told

    def _id(self, kind: str, key: str) -> str:
        if (kind, key) not in self._numbers:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._numbers[kind, key] = self._counts[kind]
        return record_id(_PREFIXES[kind], self._numbers[kind, key])

    def _row(self, kind: str, key: str, body: Body, deal: Deal | None = None) -> Row:
        stamp = _stamp(self._written_on(deal))
        fixed = {
            "Id": self._id(kind, key),
            "IsDeleted": False,
            "CreatedDate": stamp,
            "LastModifiedDate": stamp,
            "SystemModstamp": stamp,
        }
        return {"id": fixed["Id"], "body": fixed | body}

    def _written_on(self, deal: Deal | None) -> date:
        """The day's deals were entered the day before; what was there already is older than the oldest contract."""
        if deal is not None and deal in self._firm.deals:
            return self._firm.today - timedelta(days=1)
        return min(past.start_date for past in self._deals) - timedelta(days=30)

    def _users(self) -> Iterator[Row]:
        app = {"Username": INTEGRATION_USERNAME, "Name": "Syncline", "Email": INTEGRATION_USERNAME, "IsActive": True}
        yield self._row("User", "integration", app)
        for entity in self._firm.entities:
            username = sales_username(self._firm, entity.code)
            body = {"Username": username, "Name": f"Sales {entity.city}", "Email": username, "IsActive": True}
            yield self._row("User", entity.code, body)

    def _account(self, client: Client) -> Body:
        return {
            "Name": client.name,
            "AccountNumber": client.number,
            "BillingStreet": client.street,
            "BillingCity": client.city,
            "BillingPostalCode": client.postal_code,
            "BillingCountryCode": client.country,
            "Billing_Email__c": client.email,
            "Tax_Id__c": client.tax_id,
            "ERP_Id__c": client.number,
            "OwnerId": self._id("User", "integration"),
            "CurrencyIsoCode": client.accounts[0][1] if client.accounts else "EUR",
        }

    def _deal(self, deal: Deal) -> Body:
        won = deal in self._firm.history
        written = self._written_on(deal)
        return {
            "Name": deal.name,
            "AccountId": self._id("Account", deal.client),
            "ContractId": None if deal.kind == "no_services" else self._id("Contract", deal.key),
            "StageName": WON_STAGE if won else OPEN_STAGE,
            "IsWon": won,
            "IsClosed": won,
            "Probability": 100.0 if won else 90.0,
            "ForecastCategoryName": "Closed" if won else "Commit",
            "LastStageChangeDate": _stamp(written) if won else None,
            "Amount": float(deal.amount),
            "HasOpportunityLineItem": True,
            "CurrencyIsoCode": deal.currency,
            "CloseDate": (written if won else self._firm.today).isoformat(),
            "OwnerId": self._id("User", deal.entity),
            "Syncline_Kind__c": _label(deal.kind),
            "Legal_Entity__c": deal.entity,
            "Deal_Key__c": deal.key,
        }

    def _stages(self, deal: Deal) -> Iterator[Row]:
        """The stage history: negotiated, and for a deal of the past then won."""
        won = deal in self._firm.history
        for stage, probability in ((OPEN_STAGE, 90.0), (WON_STAGE, 100.0)):
            if stage == WON_STAGE and not won:
                continue
            body = {
                "OpportunityId": self._id("Opportunity", deal.key),
                "StageName": stage,
                "Probability": probability,
                "Amount": float(deal.amount),
            }
            yield self._row("OpportunityHistory", f"{deal.key} {stage}", body, deal)

    def _contract(self, deal: Deal) -> Body:
        signed = self._written_on(deal).isoformat()
        return {
            # The firm numbers contracts of every system alike: the past ones are known elsewhere by these.
            "ContractNumber": deal.key,
            "AccountId": self._id("Account", deal.client),
            "OwnerId": self._id("User", deal.entity),
            "Status": "Activated",
            "StatusCode": "Activated",
            "ActivatedDate": _stamp(self._written_on(deal)),
            "CustomerSignedDate": signed,
            "StartDate": deal.start_date.isoformat(),
            "EndDate": _last_day(deal.end_date),
            "ContractTerm": _months(deal.start_date, deal.end_date),
            "CurrencyIsoCode": deal.currency,
            "Legal_Entity__c": deal.entity,
            "Cost_Centre__c": deal.cost_centre,
            "Billing_Method__c": _label(deal.method),
            "Tax_Treatment__c": _label(deal.tax_treatment),
            "Payment_Terms__c": deal.payment_terms,
            "PO_Number__c": deal.purchase_order,
            "PO_Required__c": deal.purchase_order is not None,
            "Expense_Markup__c": None if deal.expense_markup is None else float(deal.expense_markup),
            "Planned_Margin__c": float(deal.margin_percent),
            "Non_Standard_Terms__c": False,
            "Amends_Contract__c": None if deal.amends is None else self._id("Contract", deal.amends),
            "Total_Value__c": float(deal.amount),
            "Deal_Key__c": deal.key,
        } | self._limits(deal)

    def _limits(self, deal: Deal) -> Body:
        """Cap and retainer, where the deal has them."""
        told: Body = {} if deal.cap is None else {"Cap_Amount__c": float(deal.cap)}
        if deal.retainer_kind is None:
            return told
        kind = "Prepaid Draw-Down" if deal.retainer_kind == "prepaid_draw_down" else _label(deal.retainer_kind)
        return told | {
            "Retainer_Kind__c": kind,
            "Retainer_Period__c": "Month",
            "Retainer_Amount__c": None if deal.retainer_amount is None else float(deal.retainer_amount),
            "Retainer_Hours__c": None if deal.retainer_hours is None else float(deal.retainer_hours),
        }

    def _line(self, deal: Deal) -> Body:
        return {
            "OpportunityId": self._id("Opportunity", deal.key),
            "Product2Id": self._id("Product2", "services"),
            "Name": f"{deal.name} Professional services",
            "Description": deal.name,
            "Quantity": 1.0,
            "UnitPrice": float(deal.amount),
            "TotalPrice": float(deal.amount),
            "SortOrder": 1,
            "Billing_Method__c": None if deal.kind == "no_services" else _label(deal.method),
            "CurrencyIsoCode": deal.currency,
        }

    def _milestones(self, deal: Deal) -> Iterator[Row]:
        for milestone in deal.milestones:
            body = {
                "Name": f"{deal.key} {milestone.key}",
                "Contract__c": self._id("Contract", deal.key),
                "Key__c": milestone.key,
                "Title__c": milestone.title,
                "Amount__c": float(milestone.amount),
                "Due_Date__c": milestone.due_date.isoformat(),
                "Bill_On__c": "Acceptance",
                "CurrencyIsoCode": deal.currency,
            }
            yield self._row("Billing_Milestone__c", f"{deal.key} {milestone.key}", body, deal)

    def _roles(self, deal: Deal) -> Iterator[Row]:
        for role in deal.roles:
            body = {
                "Name": f"{deal.key} {role.key}",
                "Contract__c": self._id("Contract", deal.key),
                "Key__c": role.key,
                "Role__c": role.role,
                "Skills__c": ";".join(role.skills),
                "Hours__c": float(role.hours),
                "Start_Date__c": deal.start_date.isoformat(),
                "End_Date__c": _last_day(deal.end_date),
                "Bill_Rate__c": float(role.rate),
                "CurrencyIsoCode": deal.currency,
            }
            yield self._row("Planned_Role__c", f"{deal.key} {role.key}", body, deal)


def _stamp(day: date) -> str:
    return f"{day.isoformat()}T08:00:00.000+0000"


def _last_day(end: date) -> str:
    """Salesforce tells the last day of a contract, not the day after."""
    return (end - timedelta(days=1)).isoformat()


def _months(start: date, end: date) -> int:
    return (end.year - start.year) * 12 + end.month - start.month


def _label(word: str) -> str:
    """A picklist's value: `out_of_scope` is "Out of Scope"."""
    return " ".join(part if part in _SMALL_WORDS else part.capitalize() for part in word.split("_"))
