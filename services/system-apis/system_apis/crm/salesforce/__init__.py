"""Salesforce (CRM), REST API v67.0: what is covered and how it was settled stands in README.md."""

from system_apis.crm.salesforce.client import Connector
from system_apis.crm.salesforce.settings import Settings

__all__ = ["Connector", "Settings"]
