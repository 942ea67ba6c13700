"""Kantata OX as a connection of the psa capability."""

from system_apis.psa.kantata.client import Connector
from system_apis.psa.kantata.settings import Settings

__all__ = ["Connector", "Settings"]
