"""Business Central as an `Erp`. Sources: API v2.0 reference; the projectCards page that README.md describes."""

from collections.abc import Mapping

from servicekit.upstream import Upstream
from system_apis.erp.business_central.client.journals import Journals
from system_apis.erp.business_central.client.ledger import LedgerReads
from system_apis.erp.business_central.client.masters import Masters
from system_apis.erp.business_central.client.receivables import Receivables
from system_apis.erp.business_central.settings import Settings
from system_apis.writes import Settlement

# Numbers are ours and unique in a company: a second record under one is refused, and then looked at.
GUARDED = ("create_customer_account", "create_project_shell", "create_journal")


class BusinessCentral(Masters, Receivables, Journals, LedgerReads):
    """One environment with several companies."""

    settlements: Mapping[str, Settlement]

    def __init__(self, name: str, settings: Settings, http: Upstream, login: Upstream) -> None:
        super().__init__(name, settings, http, login)
        unguarded = Settlement(kind="marker_search", lag_s=settings.settle_after_s)
        guarded = dict.fromkeys(GUARDED, Settlement(kind="unique_id"))
        self.settlements = {**guarded, "create_receivable": unguarded}
