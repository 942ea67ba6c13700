"""Stripe over the wire: requests (wire), signed webhooks (webhooks), and the billing port on top (connector)."""

from system_apis.billing.stripe.client.connector import Connector

__all__ = ["Connector"]
