"""The demo firm as Business Central keeps it: three companies with their setup, customers, and one running project."""

import uuid
from collections.abc import Iterator
from datetime import date
from typing import Any

from demo.firm import CHART, Client, Deal, Entity, Firm, LedgerAccount, first_of_next_month, rates

Body = dict[str, Any]
Row = dict[str, Any]

DIMENSION = "COSTCENTRE"
EMPTY_ID = "00000000-0000-0000-0000-000000000000"
TERMS = (("30 DAYS", "Net 30 days", "30D"), ("14 DAYS", "Net 14 days", "14D"), ("CM", "Current month", "CM"))
COUNTRIES = (
    ("DE", "Germany"),
    ("FR", "France"),
    ("NL", "Netherlands"),
    ("CH", "Switzerland"),
    ("US", "United States"),
    ("GB", "United Kingdom"),
)
CURRENCIES = {"EUR": "Euro", "USD": "US dollar", "GBP": "Pound sterling", "CHF": "Swiss franc"}
_NAMESPACE = uuid.UUID("6f1d7d0c-4d59-4d57-9a53-6c1f3c2b8f10")
_MODIFIED = "2026-01-05T08:00:00.1234567Z"


def records(firm: Firm) -> dict[str, list[Row]]:
    """What stands in the tenant on the morning of the day, by the kinds of the sandbox's control door."""
    found: dict[str, list[Row]] = {}
    for entity in firm.entities:
        for kind, rows in _company(firm, entity).items():
            found.setdefault(kind, []).extend(rows)
    return found


def company_settings(firm: Firm) -> dict[str, Body]:
    """The `companies` of the connection's settings: what the firm tells the connector about each entity."""
    return {
        entity.code: {
            "company": entity.name,
            "country": entity.country,
            "time_zone": entity.time_zone,
            "dimensions": {"cost_centre": DIMENSION},
            "tax_kinds": {rule.code: rule.kind for rule in entity.tax_rules},
            "tax_rates": {rule.code: str(rule.percent) for rule in entity.tax_rules},
            "accounts": account_roles(),
        }
        for entity in firm.entities
    }


def account_roles() -> dict[str, list[str]]:
    """Which accounts play a role; the first is the one that is written to."""
    found: dict[str, list[str]] = {}
    for account in CHART:
        if account.role is not None:
            found.setdefault(account.role, []).append(account.number)
    return found


def window_deed(firm: Firm, entity_code: str, from_date: date | None, to_date: date | None) -> Body:
    """The input of the action `open_posting_window`: a person moves Allow Posting From and To."""
    bounds = {"from": from_date.isoformat() if from_date else "", "to": to_date.isoformat() if to_date else ""}
    return {"company": firm.entity(entity_code).name} | bounds


def payment_deed(firm: Firm, entity_code: str, invoice: str, amount: str | None, day: date) -> Body:
    """The input of the action `register_customer_payment`: money came in for an invoice, by its number here."""
    payment = {"invoice": invoice, "amount": amount, "date": day.isoformat()}
    return {"company": firm.entity(entity_code).name} | payment


def cost_centre_deed(firm: Firm, entity_code: str, code: str, name: str) -> Body:
    """The input of the action `create_dimension_value`: a person opens the cost centre in Business Central."""
    return {"company": firm.entity(entity_code).name, "dimension": DIMENSION, "code": code, "name": name}


def project_number(deal: Deal) -> str:
    """The number under which a deal of the past has its project in every system."""
    return f"P-{deal.entity}-{deal.key}"


def _company(firm: Firm, entity: Entity) -> dict[str, list[Row]]:
    company = _id("company", entity.code)
    return {
        "companies": [_plain(company, _company_body(entity))],
        "companySetup": [_plain(company, _setup(entity))],
        "companyInformation": [_row(entity, "information", _information(entity))],
        "generalLedgerSetup": [_row(entity, "ledger", _ledger(firm, entity))],
        "accountingPeriods": [_row(entity, f"period {p['startingDate']}", p) for p in _periods(firm.today, entity)],
        "dimensions": [_row(entity, "dimension", _dimension())],
        "dimensionValues": [_row(entity, f"value {code}", _value(entity, code, n)) for code, n in entity.cost_centres],
        "taxGroups": [_row(entity, f"tax {body['code']}", body) for body in _tax_groups(entity)],
        "paymentTerms": [_row(entity, f"terms {code}", _terms(code, n, due)) for code, n, due in TERMS],
        "currencies": [_row(entity, f"currency {body['code']}", body) for body in _currencies(entity)],
        "accounts": [_row(entity, f"account {account.number}", _account(account)) for account in CHART],
        "currencyExchangeRates": [_row(entity, f"rate {key}", body) for key, body in _rates(firm.today, entity)],
        "countriesRegions": [_row(entity, f"country {c}", {"code": c, "displayName": n}) for c, n in COUNTRIES],
        "customers": [_row(entity, f"customer {body['number']}", body) for body in _customers(firm, entity)],
        "projects": [
            _row(entity, f"project {project_number(deal)}", _project(deal))
            for deal in firm.history
            if deal.entity == entity.code
        ],
    }


def _id(kind: str, key: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, f"{kind} {key}"))


def _plain(record_id: str, body: Body) -> Row:
    return {"id": record_id, "body": {"id": record_id} | body}


def _row(entity: Entity, key: str, body: Body) -> Row:
    company, record = _id("company", entity.code), _id(entity.code, key)
    fixed = {"id": record, "companyId": company, "lastModifiedDateTime": _MODIFIED}
    return {"id": f"{company}/{record}", "body": fixed | body}


def _company_body(entity: Entity) -> Body:
    return {
        "systemVersion": "27.0.0.0",
        "timestamp": 1,
        "name": entity.name,
        "displayName": entity.name,
        "businessProfileId": "",
        "systemModifiedAt": _MODIFIED,
    }


def _setup(entity: Entity) -> Body:
    """Posting groups and posting set-up, which an administrator keeps and no page of the API shows."""
    by_role = account_roles()
    tax_account = by_role["tax_payable"][0]
    domestic, foreign = by_role["receivable"]
    return {
        "manualNumbers": True,
        "usesVat": entity.country != "US",
        "mandatoryProjectDimensions": [DIMENSION],
        "mandatoryAccountDimensions": {a.number: [DIMENSION] for a in CHART if a.needs_cost_centre},
        "customerPostingGroups": {"DOMESTIC": domestic, "FOREIGN": foreign},
        "vatPostingSetup": {r.code: {"percent": str(r.percent), "account": tax_account} for r in entity.tax_rules},
        "vatRoundingType": "Nearest",
        "bankAccount": "1800",
        "exchangeGains": "4900",
        "exchangeLosses": "6900",
    }


def _information(entity: Entity) -> Body:
    return {
        "displayName": entity.name,
        "city": entity.city,
        "country": entity.country,
        "taxRegistrationNumber": entity.tax_id,
        "currencyCode": entity.currency,
    }


def _ledger(firm: Firm, entity: Entity) -> Body:
    return {
        "allowPostingFrom": firm.today.replace(month=1, day=1).isoformat(),
        "allowPostingTo": firm.today.replace(year=firm.today.year + 1, month=12, day=31).isoformat(),
        "localCurrencyCode": entity.currency,
        "shortcutDimension1Code": DIMENSION,
        "shortcutDimension2Code": "",
    }


def _periods(today: date, entity: Entity) -> Iterator[Body]:
    """The last, this and the next fiscal year, month by month, and the first day of the year after them."""
    month = entity.fiscal_year_start_month
    this_year = date(today.year if today.month >= month else today.year - 1, month, 1)
    day, end = this_year.replace(year=this_year.year - 1), this_year.replace(year=this_year.year + 2)
    while day <= end:
        yield {
            "startingDate": day.isoformat(),
            "name": f"{day:%B}",
            "newFiscalYear": day.month == month,
            "closed": day < this_year,
            "dateLocked": day < this_year,
        }
        day = first_of_next_month(day)


def _dimension() -> Body:
    return {"code": DIMENSION, "displayName": "Cost centre", "consolidationCode": ""}


def _value(entity: Entity, code: str, name: str) -> Body:
    return {
        "code": code,
        "displayName": name,
        "dimensionId": _id(entity.code, "dimension"),
        "consolidationCode": "",
    }


def _tax_groups(entity: Entity) -> Iterator[Body]:
    tax_type = "Sales Tax" if entity.country == "US" else "VAT"
    for rule in entity.tax_rules:
        yield {"code": rule.code, "displayName": rule.name, "taxType": tax_type}


def _terms(code: str, name: str, due: str) -> Body:
    return {"code": code, "displayName": name, "dueDateCalculation": due}


def _currencies(entity: Entity) -> Iterator[Body]:
    """The company's own currency is not in this table: the ledger setup names it."""
    for code in entity.currencies:
        if code != entity.currency:
            yield {"code": code, "displayName": CURRENCIES[code], "amountRoundingPrecision": 0.01}


def _account(account: LedgerAccount) -> Body:
    return {
        "number": account.number,
        "displayName": account.name,
        "category": account.category,
        "subCategory": "",
        "blocked": False,
        "accountType": "Posting",
        "directPosting": account.direct,
    }


def _rates(today: date, entity: Entity) -> Iterator[tuple[str, Body]]:
    """What one unit is worth in the company's own currency, which has no rates itself."""
    euros = {(rate.currency, rate.from_date): rate.euros for rate in rates(today)}
    for (currency, day), value in euros.items():
        if currency != entity.currency:
            yield (
                f"{currency} {day}",
                {
                    "currencyCode": currency,
                    "startingDate": day.isoformat(),
                    "exchangeRateAmount": 1,
                    "relationalCurrencyCode": "",
                    "relationalExchangeRateAmount": float(round(value / euros[entity.currency, day], 6)),
                },
            )


def _customers(firm: Firm, entity: Entity) -> Iterator[Body]:
    for client in firm.clients:
        for code, currency in client.accounts:
            if code == entity.code:
                yield _customer(client, entity, currency)


def _customer(client: Client, entity: Entity, currency: str) -> Body:
    foreign = currency != entity.currency
    return {
        "number": f"{client.number}-{currency}" if foreign else client.number,
        "displayName": client.name,
        "type": "Company",
        "addressLine1": client.street,
        "city": client.city,
        "country": client.country,
        "postalCode": client.postal_code,
        "email": client.email,
        "taxLiable": False,
        "taxRegistrationNumber": client.tax_id or "",
        "currencyId": _id(entity.code, f"currency {currency}") if foreign else EMPTY_ID,
        "currencyCode": currency,
        "paymentTermsId": _id(entity.code, "terms 30 DAYS"),
        "blocked": " ",
        "customerPostingGroup": "DOMESTIC" if client.country == entity.country else "FOREIGN",
    }


def _project(deal: Deal) -> Body:
    """Set up by a person before Syncline came: nobody's reference is in it."""
    return {
        "number": project_number(deal),
        "displayName": deal.name,
        "billToCustomerNumber": deal.client,
        "status": "Open",
        "globalDimension1Code": deal.cost_centre,
        "currencyCode": deal.currency,
        "startingDate": deal.start_date.isoformat(),
        "endingDate": deal.end_date.isoformat(),
        "externalReference": "",
    }
