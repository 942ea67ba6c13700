"""The whole demo firm as it stands on the morning of a day."""

from datetime import date

from demo.deals import clients, deals, history
from demo.firm import ENTITIES, Firm
from demo.staff import colleagues


def demo_firm(today: date) -> Firm:
    """Its dates follow from *today*: contracts start next month, the running project ends in two."""
    return Firm(
        name="Northwind Advisory",
        domain="northwind-advisory.example",
        today=today,
        entities=ENTITIES,
        colleagues=colleagues(today),
        clients=clients(),
        history=history(today),
        deals=deals(today),
    )
