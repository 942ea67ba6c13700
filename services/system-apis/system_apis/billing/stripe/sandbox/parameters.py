"""What each parameter of an endpoint may be; everything else is refused, as Stripe does, before anything begins."""

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from system_apis.billing.stripe.sandbox.form import Node, Tree
from system_apis.billing.stripe.sandbox.refusals import Refusal, invalid

Reader = Callable[[Node, str], Any]

# Currencies that Stripe takes, as far as the demo's world needs them. Source: docs.stripe.com/currencies.
_CURRENCIES = (
    "aed aud bgn bhd bif brl cad chf clp cny czk djf dkk egp eur gbp gnf hkd huf idr ils inr isk jod jpy kes kmf krw "
    "kwd mad mga mxn myr nok nzd omr php pln pyg qar ron rwf sar sek sgd thb tnd try twd uah ugx usd vnd vuv xaf xof "
    "xpf zar "
)
CURRENCIES = frozenset(_CURRENCIES.split())
THREE_DECIMALS = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})
# Kept in hundredths though they have no minor unit; only whole units are taken.
WHOLE_UNITS_IN_HUNDREDTHS = frozenset({"isk", "ugx"})
MAX_AMOUNT = 999_999_999_999
_INTEGER = re.compile(r"-?[0-9]{1,18}", re.ASCII)


class Shape:
    """The parameters of an endpoint, or of a hash within them. `required` are named as Stripe misses them, in order."""

    def __init__(self, *required: str, **fields: Reader) -> None:
        self._required = required
        self._fields = fields

    def with_expand(self) -> "Shape":
        return Shape(*self._required, **self._fields, expand=listed(text(unset=False)))

    def read(self, tree: Tree, prefix: str = "") -> dict[str, Any]:
        """The values that were given, by name; one that was unset is None."""
        unknown = [_named(prefix, name) for name in tree if name not in self._fields]
        if unknown:
            plural = "s" if len(unknown) > 1 else ""
            raise invalid(f"Received unknown parameter{plural}: {', '.join(unknown)}", unknown[0], "parameter_unknown")
        for name in self._required:
            if name not in tree:
                full = _named(prefix, name)
                raise invalid(f"Missing required param: {full}.", full, "parameter_missing")
        return {name: self._fields[name](node, _named(prefix, name)) for name, node in tree.items()}

    def __call__(self, node: Node, name: str) -> dict[str, Any]:
        if isinstance(node, str):
            raise invalid("Invalid object", name)
        return self.read(node, name)


def _named(prefix: str, name: str) -> str:
    return f"{prefix}[{name}]" if prefix else name


def _single(node: Node, name: str) -> str:
    if isinstance(node, dict):
        raise invalid(f"Invalid string: {node}", name)
    return node


def text(limit: int = 5000, *, unset: bool = True) -> Reader:
    """A string; the empty one unsets where that is allowed."""

    def read(node: Node, name: str) -> str | None:
        value = _single(node, name)
        if value == "":
            if not unset:
                raise _empty(name)
            return None
        if len(value) > limit:
            raise invalid(
                f"Invalid string: must be at most {limit} characters", name, "parameter_invalid_string_too_long"
            )
        return value

    return read


def whole(least: int | None = None, most: int | None = None) -> Reader:
    """An integer; limits are included."""

    def read(node: Node, name: str) -> int:
        value = _single(node, name)
        if not _INTEGER.fullmatch(value):
            raise invalid(f"Invalid integer: {value}", name, "parameter_invalid_integer")
        number = int(value)
        if least is not None and number < least:
            message = f"This value must be greater than or equal to {least}."
            raise invalid(message, name, "parameter_invalid_integer")
        if most is not None and number > most:
            message = f"This value must be less than or equal to {most} (it currently is '{number}')."
            raise invalid(message, name, "parameter_invalid_integer")
        return number

    return read


def decimal(places: int = 12) -> Reader:
    """A decimal number as text; kept as the shortest text of the same value."""

    def read(node: Node, name: str) -> str:
        value = _single(node, name)
        try:
            number = Decimal(value)
        except InvalidOperation:
            raise invalid(f"Invalid decimal: {value}", name) from None
        exponent = number.as_tuple().exponent
        if not isinstance(exponent, int) or -exponent > places:
            raise invalid(f"Invalid decimal: {value}; must contain at maximum {places} decimal places.", name)
        return shortest(number)

    return read


def shortest(number: Decimal) -> str:
    """The number without needless zeros or an exponent."""
    whole_part = f"{number:f}"
    return whole_part.rstrip("0").rstrip(".") if "." in whole_part else whole_part


def truth(node: Node, name: str) -> bool:
    """A boolean."""
    value = _single(node, name)
    if value not in {"true", "false"}:
        raise invalid(f"Invalid boolean: {value or 'empty string'}", name)
    return value == "true"


def one_of(*values: str, unset: bool = False) -> Reader:
    """One of a fixed set of words."""

    def read(node: Node, name: str) -> str | None:
        value = _single(node, name)
        if value == "" and unset:
            return None
        if value not in values:
            allowed = ", ".join(values[:-1]) + (f" or {values[-1]}" if len(values) > 1 else "".join(values))
            raise invalid(f"Invalid {name}: must be one of {allowed}", name)
        return value

    return read


def listed(of: Reader, most: int | None = None) -> Reader:
    """An array; the empty string is an empty one."""

    def read(node: Node, name: str) -> list[Any]:
        if node == "":
            return []
        if isinstance(node, str) or not all(index.isdecimal() for index in node):
            raise invalid("Invalid array", name)
        if most is not None and len(node) > most:
            raise invalid(f"Array must contain at most {most} elements", name)
        return [of(node[index], f"{name}[{index}]") for index in sorted(node, key=int)]

    return read


def metadata(node: Node, name: str) -> dict[str, str | None] | None:
    """Keys to set and, with None, to delete; None instead of a hash deletes all."""
    if node == "":
        return None
    if isinstance(node, str):
        raise invalid("Invalid object", name)
    changes: dict[str, str | None] = {}
    for key, value in node.items():
        if isinstance(value, dict):
            raise invalid("Metadata values must be strings", f"{name}[{key}]")
        if len(key) > 40:
            message = (
                f"Metadata keys can be up to 40 characters, but you passed in a key that is {len(key)} characters."
            )
            raise invalid(message, name)
        if len(value) > 500:
            message = f"Metadata values can have up to 500 characters, but you passed in a value that is {len(value)}."
            raise invalid(message, f"{name}[{key}]")
        changes[key] = value or None
    return changes


def currency(node: Node, name: str) -> str:
    """A currency that Stripe knows, in lower case."""
    value = _single(node, name).lower()
    if value not in CURRENCIES:
        known = ", ".join(sorted(CURRENCIES))
        raise invalid(f"Invalid currency: {value}. Stripe currently supports these currencies: {known}", name)
    return value


def created(node: Node, name: str) -> dict[str, int]:
    """A moment, or the limits of a range of moments, in seconds since 1970."""
    second = whole(0)
    if isinstance(node, str):
        return {"eq": second(node, name)}
    return Shape(gt=second, gte=second, lt=second, lte=second).read(node, name)


def check_amount(amount: int, in_currency: str, param: str) -> None:
    """Amounts that the currency's own rules exclude. Source: docs.stripe.com/currencies (special cases)."""
    if in_currency in THREE_DECIMALS and amount % 10:
        message = f"Invalid amount: the last digit of an amount in {in_currency} must be 0."
        raise Refusal(message, param=param, code="parameter_invalid_integer")
    if in_currency in WHOLE_UNITS_IN_HUNDREDTHS and amount % 100:
        message = f"Invalid amount: amounts in {in_currency} must be divisible by 100."
        raise Refusal(message, param=param, code="parameter_invalid_integer")


def _empty(name: str) -> Refusal:
    message = (
        f"You passed an empty string for '{name}'. We assume empty values are an attempt to unset a parameter; however "
        f"'{name}' cannot be unset. You should remove '{name}' from your request or supply a non-empty value."
    )
    return invalid(message, name, "parameter_invalid_empty")


ADDRESS = Shape(city=text(), country=text(2), line1=text(), line2=text(), postal_code=text(), state=text())
PAGE: dict[str, Reader] = {
    "limit": whole(1, 100),
    "starting_after": text(unset=False),
    "ending_before": text(unset=False),
}
NOTHING = Shape()
