"""Dynamics 365 Business Central as a connection of the erp capability."""

from system_apis.erp.business_central.client import BusinessCentral as Connector
from system_apis.erp.business_central.settings import Settings

__all__ = ["Connector", "Settings"]
