"""Our own metadata on Stripe's records: what Stripe has no field for, under keys that begin with `syncline_`."""

Metadata = dict[str, str]

PREFIX = "syncline_"


def metadata(**values: object) -> Metadata:
    """Our own metadata of a record; what is absent is left out."""
    return {PREFIX + name: str(value) for name, value in values.items() if value is not None}
