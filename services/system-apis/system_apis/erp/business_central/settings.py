"""What a connection to a Business Central environment needs to know: the app, and each company in the firm's words."""

import msgspec

from canonical.money import PercentText
from canonical.references import Country, LegalEntityCode
from servicekit.settings import Secret

# Five requests of one app are at work at a time; the fifth place is left to whoever else uses the app.
CONCURRENCY = 4
COST_CENTRE = "cost_centre"
PROJECT = "project"  # whose dimension holds the number of the project: none unless the settings name it
# An operation ends after eight minutes, wherever it waited: operational-limits-online.md.
LONGEST_OPERATION_S = 480.0


def _default_dimensions() -> dict[str, str]:
    return {COST_CENTRE: "COSTCENTRE"}


class CompanySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A company of the environment as one legal entity of the firm.

    Business Central knows neither a time zone nor kind and rate of a tax group, nor which account plays which role,
    nor types of exchange rates, so the firm says it here.
    """

    company: str  # its name or id in Business Central
    country: Country
    time_zone: str  # IANA
    dimensions: dict[str, str] = msgspec.field(default_factory=_default_dimensions)  # ours -> the dimension's code
    tax_kinds: dict[str, str] = {}  # tax group code -> canonical kind; a group without one is not offered
    tax_rates: dict[str, PercentText] = {}  # tax group code -> percent, for those who must know it
    accounts: dict[str, tuple[str, ...]] = {}  # role -> account numbers; the first is the one that is written to
    rate_types: dict[str, str] = {}  # purpose -> what its rates are called; others are spot rates
    payment_terms: dict[str, str] = {}  # the firm's code -> Business Central's; unlisted codes are the same in both


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One connection: tenant and environment, the app registered for it, and the companies that are legal entities."""

    tenant: str  # directory (tenant) id
    environment: str  # such as "production"
    client_id: str
    client_secret: Secret
    companies: dict[LegalEntityCode, CompanySettings]
    api_url: str = "https://api.businesscentral.dynamics.com"
    login_url: str = "https://login.microsoftonline.com"
    project_extension_path: str = "api/syncline/projects/v1.0"  # the custom API page: see README.md
    concurrency: int = CONCURRENCY
    settle_after_s: float = LONGEST_OPERATION_S  # when a document that was not found will not appear any more
    timeout_s: float = 20.0  # of a whole call, waiting and repeats included
