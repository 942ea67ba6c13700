"""Stripe as a connection of the billing capability."""

from system_apis.billing.stripe.client import Connector
from system_apis.billing.stripe.settings import StripeSettings as Settings

__all__ = ["Connector", "Settings"]
