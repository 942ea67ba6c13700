"""The demo firm's accounts at its vendors: what each sandbox accepts, and what the connector to it is told.

A new vendor is one row of VENDORS and the two functions it names.
"""

from collections.abc import Callable
from datetime import date
from typing import Any

import msgspec

from demo.firm import demo_firm
from demo.seeds.business_central import company_settings
from launcher.site import Site

Document = dict[str, Any]

LEGAL_ENTITY_FIELD = "1"  # the first custom field that is made in the demo firm's Kantata account
ANY_DAY = date(2026, 1, 1)  # the firm's entities are the same on every day
TENANT = "5f1d3c1e-7a55-4c66-9c4b-2f6f0a7d9b10"  # a made-up Entra tenant


class Vendor(msgspec.Struct, frozen=True, kw_only=True):
    """A platform that plays a capability. `folder` is the vendor's folder in that capability's package."""

    capability: str
    folder: str
    connection: str  # how bindings and settings name this instance of the platform
    accepts: Callable[[Site], Document]  # the sandbox's configuration
    told: Callable[[Site, str], Document]  # the connector's settings, given the sandbox's address

    @property
    def port(self) -> str:
        """The name of the sandbox's port."""
        return f"sandbox-{self.folder.replace('_', '-')}"


def _salesforce_accepts(site: Site) -> Document:
    return {
        "username": "integration@demo.example",
        "consumer_key": "syncline",
        "consumer_secret": site.vault.secret("salesforce consumer"),
    }


def _salesforce_told(site: Site, address: str) -> Document:
    return {
        "login_url": address,
        "consumer_key": "syncline",
        "consumer_secret": site.vault.secret("salesforce consumer"),
    }


def _kantata_accepts(site: Site) -> Document:
    return {"access_token": site.vault.secret("kantata token"), "currency": "EUR", "time_zone": "Europe/Berlin"}


def _kantata_told(site: Site, address: str) -> Document:
    return {
        "base_url": address,
        "access_token": site.vault.secret("kantata token"),
        "legal_entity_field_id": LEGAL_ENTITY_FIELD,
    }


def _workday_accepts(site: Site) -> Document:
    return {"tenant": "demo", "username": "ISU_Syncline", "password": site.vault.secret("workday user")}


def _workday_told(site: Site, address: str) -> Document:
    return {"base_url": address, **_workday_accepts(site)}


def _stripe_accepts(site: Site) -> Document:
    accounts = (("acct_demo_de", "DE"), ("acct_demo_us", "US"), ("acct_demo_gb", "GB"))
    return {
        "accounts": [
            {
                "id": account,
                "key": site.vault.secret(f"stripe {account}"),
                "country": country,
                "webhook_secret": site.vault.secret(f"stripe hook {account}"),
            }
            for account, country in accounts
        ]
    }


def _stripe_told(site: Site, address: str) -> Document:
    accounts = _stripe_accepts(site)["accounts"]
    return {"base_url": address, "accounts": {account["country"]: account["key"] for account in accounts}}


def _business_central_accepts(site: Site) -> Document:
    return {
        "tenant": TENANT,
        "client_id": "syncline",
        "client_secret": site.vault.secret("business central app"),
        "environment": "production",
    }


def _business_central_told(site: Site, address: str) -> Document:
    companies = company_settings(demo_firm(ANY_DAY))
    return {"api_url": address, "login_url": address, "companies": companies, **_business_central_accepts(site)}


def _scim_accepts(site: Site) -> Document:
    return {"token": site.vault.secret("scim token")}


def _scim_told(site: Site, address: str) -> Document:
    return {"base_url": address, "token": site.vault.secret("scim token")}


def _vendor(name: str, accepts: Callable[[Site], Document], told: Callable[[Site, str], Document]) -> Vendor:
    capability, folder = name.split(".")
    return Vendor(
        capability=capability,
        folder=folder,
        connection=folder.replace("_", "-"),
        accepts=accepts,
        told=told,
    )


VENDORS = (
    _vendor("crm.salesforce", _salesforce_accepts, _salesforce_told),
    _vendor("psa.kantata", _kantata_accepts, _kantata_told),
    _vendor("hr.workday", _workday_accepts, _workday_told),
    _vendor("billing.stripe", _stripe_accepts, _stripe_told),
    _vendor("erp.business_central", _business_central_accepts, _business_central_told),
    _vendor("identity.scim", _scim_accepts, _scim_told),
)
