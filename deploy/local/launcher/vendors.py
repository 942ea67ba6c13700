"""The demo firm's accounts at its vendors: what each sandbox accepts, and what the connector to it is told.

A new vendor is one row of VENDORS and the two functions it names.
"""

from collections.abc import Callable
from datetime import date
from typing import Any

import msgspec

from demo.morning import demo_firm
from demo.seeds.business_central import company_settings
from demo.seeds.kantata import ACCEPTANCE_FIELD_ID, ACCEPTOR_FIELD_ID, LEGAL_ENTITY_FIELD_ID, user_ids
from demo.seeds.salesforce import INTEGRATION_USERNAME, sales_username
from demo.seeds.workday import KNOWN_WORKERS
from launcher.site import Site

Document = dict[str, Any]

STRIPE_ACCOUNTS = {"DE": "DE01", "US": "US01", "GB": "GB01"}  # an account per legal entity
DELIVERING = frozenset({"stripe"})
ANY_DAY = date(2026, 1, 1)  # the firm's entities are the same on every day
WEBHOOK_PAUSES_S = (1, 5, 15, 30, 60, 120)  # a live account's events are delivered again for three days
KANTATA_ZONE = "Europe/Berlin"
TENANT = "5f1d3c1e-7a55-4c66-9c4b-2f6f0a7d9b10"  # a made-up Entra tenant


class Vendor(msgspec.Struct, frozen=True, kw_only=True):
    """A platform that plays a capability. `folder` is the vendor's folder in that capability's package."""

    capability: str
    folder: str
    accepts: Callable[[Site], Document]  # the sandbox's configuration
    hooks: bool  # whether it delivers webhooks, which the edge lets through to its capability
    told: Callable[[Site, str], Document]  # each connection's settings by its name, given the sandbox's address

    @property
    def port(self) -> str:
        """The name of the sandbox's port."""
        return f"sandbox-{self.folder.replace('_', '-')}"

    def connections(self, site: Site) -> Document:
        """The settings of each connection to this vendor, by the name that bindings use."""
        return self.told(site, site.address(self.port))


def _salesforce_accepts(site: Site) -> Document:
    entities = ("DE01", "US01", "GB01")
    return {
        "username": INTEGRATION_USERNAME,
        "consumer_key": "syncline",
        "consumer_secret": site.vault.secret("salesforce consumer"),
        "refresh_tokens": {
            site.vault.secret(f"salesforce sales {code}"): sales_username(demo_firm(ANY_DAY), code) for code in entities
        },
    }


def _salesforce_told(site: Site, address: str) -> Document:
    secret = site.vault.secret("salesforce consumer")
    return {"salesforce": {"login_url": address, "consumer_key": "syncline", "consumer_secret": secret}}


def _kantata_accepts(site: Site) -> Document:
    """The integration's token, and one for each colleague to enter and approve time with."""
    people = site.vault.secret("kantata people")
    tokens = {f"{people}.{user_id}": user_id for user_id in user_ids(demo_firm(ANY_DAY))}
    token = site.vault.secret("kantata token")
    return {"access_token": token, "user_tokens": tokens, "currency": "EUR", "time_zone": KANTATA_ZONE}


def _kantata_told(site: Site, address: str) -> Document:
    fields = {
        "legal_entity_field_id": LEGAL_ENTITY_FIELD_ID,
        "acceptance_field_id": ACCEPTANCE_FIELD_ID,
        "acceptor_field_id": ACCEPTOR_FIELD_ID,
        "time_zone": KANTATA_ZONE,
        "deletions_from_events": True,
    }
    return {"kantata": {"base_url": address, "access_token": site.vault.secret("kantata token"), **fields}}


def _workday_accepts(site: Site) -> Document:
    return {
        "tenant": "demo",
        "client_id": "syncline",
        "client_secret": site.vault.secret("workday client"),
        "username": "ISU_Syncline",
        "password": site.vault.secret("workday user"),
    }


def _workday_told(site: Site, address: str) -> Document:
    return {"workday": {"base_url": address, "known_workers": KNOWN_WORKERS, **_workday_accepts(site)}}


def _stripe_accepts(site: Site) -> Document:
    """Each account numbers its invoices itself, in one sequence: the entity's."""
    return {
        "accounts": [
            {
                "id": f"acct_demo_{country.lower()}",
                "key": site.vault.secret(f"stripe acct_demo_{country.lower()}"),
                "country": country,
                "webhook_secret": site.vault.secret(f"stripe hook acct_demo_{country.lower()}"),
                "invoice_prefix": entity_code,
            }
            for country, entity_code in STRIPE_ACCOUNTS.items()
        ],
        "webhook_pauses_s": WEBHOOK_PAUSES_S,
    }


def _stripe_told(site: Site, address: str) -> Document:
    """A Stripe account per legal entity, and a connection to each."""
    firm = demo_firm(ANY_DAY)
    return {
        f"stripe-{account['country'].lower()}": {
            "base_url": address,
            "legal_entity_code": account["invoice_prefix"],
            "time_zone": firm.entity(account["invoice_prefix"]).time_zone,
            "api_key": account["key"],
            "webhook_secret": account["webhook_secret"],
        }
        for account in _stripe_accepts(site)["accounts"]
    }


def _business_central_accepts(site: Site) -> Document:
    return {
        "tenant": TENANT,
        "client_id": "syncline",
        "client_secret": site.vault.secret("business central app"),
        "environment": "production",
    }


def _business_central_told(site: Site, address: str) -> Document:
    companies = company_settings(demo_firm(ANY_DAY))
    where = {"api_url": address, "login_url": address, "companies": companies}
    pace = {"settle_after_s": 2.0}  # the sandbox writes at once or never
    return {"business-central": {**where, **pace, **_business_central_accepts(site)}}


def _scim_accepts(site: Site) -> Document:
    return {"token": site.vault.secret("scim token")}


def _scim_told(site: Site, address: str) -> Document:
    return {"scim": {"base_url": address, "token": site.vault.secret("scim token")}}


def _vendor(name: str, accepts: Callable[[Site], Document], told: Callable[[Site, str], Document]) -> Vendor:
    capability, folder = name.split(".")
    return Vendor(capability=capability, folder=folder, hooks=folder in DELIVERING, accepts=accepts, told=told)


VENDORS = (
    _vendor("crm.salesforce", _salesforce_accepts, _salesforce_told),
    _vendor("psa.kantata", _kantata_accepts, _kantata_told),
    _vendor("hr.workday", _workday_accepts, _workday_told),
    _vendor("billing.stripe", _stripe_accepts, _stripe_told),
    _vendor("erp.business_central", _business_central_accepts, _business_central_told),
    _vendor("identity.scim", _scim_accepts, _scim_told),
)
