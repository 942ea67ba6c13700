"""Workday (HR): what is covered, which reports a customer builds, and how it was settled stands in README.md."""

from system_apis.hr.workday.client import Connector
from system_apis.hr.workday.settings import Settings

__all__ = ["Connector", "Settings"]
