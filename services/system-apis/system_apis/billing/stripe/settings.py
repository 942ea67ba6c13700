"""What a Stripe connection needs to know: one account, and with it one legal entity. Source: docs.stripe.com/keys."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from canonical.moments import TimeZone
from canonical.references import LegalEntityCode
from servicekit.settings import Secret


class StripeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Fields without a default are required."""

    legal_entity_code: LegalEntityCode  # whose account this is
    time_zone: TimeZone = "UTC"  # the legal entity's, in which its documents are dated
    api_key: Secret  # secret or restricted; what it needs to be allowed: README.md
    webhook_secret: Secret | None = None  # whsec_... of the endpoint that points to us; without it hooks are refused
    base_url: str = "https://api.stripe.com"
    api_version: str = "2026-10-28.endive"  # sent with every request: accounts are pinned to versions of their own
    stripe_account: str | None = None  # acct_..., where the key is a platform's and the account a connected one
    timeout_s: float = 10.0  # of one request with its repeats
    concurrency: int = 8  # requests at a time; the vendor allows 25 a second for each endpoint

    def __post_init__(self) -> None:
        """Raises ValueError for a time zone that nobody knows."""
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"there is no time zone {self.time_zone}") from error
