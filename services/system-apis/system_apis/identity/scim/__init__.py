"""SCIM 2.0 as a connection of the identity capability."""

from system_apis.identity.scim.client import Connector
from system_apis.identity.scim.settings import Settings

__all__ = ["Connector", "Settings"]
