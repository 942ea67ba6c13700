"""Reads Stripe's form encoding, brackets and all: `items[0][price]=p`, `expand[]=customer`, `metadata[k]=v`.

Source: docs.stripe.com/api (request bodies). Lists stay dictionaries by index here: only a parameter's own reader
knows whether `metadata[1]` is a key or a place.
"""

import re
from urllib.parse import parse_qsl

Node = str | dict[str, "Node"]
Tree = dict[str, Node]

_STEP = re.compile(r"\[([^\[\]]*)\]")


class MalformedFormError(ValueError):
    """The text cannot be read as parameters."""


def decode(text: bytes) -> Tree:
    """The parameters as a tree; the last of two equal names counts. Raises MalformedFormError."""
    try:
        pairs = parse_qsl(text.decode("ascii"), keep_blank_values=True, errors="strict")
    except (UnicodeDecodeError, ValueError) as error:
        raise MalformedFormError("the parameters are not percent-encoded UTF-8") from error
    tree: Tree = {}
    for name, value in pairs:
        _put(tree, _steps(name), value)
    return tree


def _steps(name: str) -> list[str]:
    """`a[b][]` as a, b and an empty step; a name whose brackets do not match is a name like any other."""
    head, bracket, rest = name.partition("[")
    steps = _STEP.findall(bracket + rest)
    if not head or "".join(f"[{step}]" for step in steps) != bracket + rest:
        return [name]
    return [head, *steps]


def _put(tree: Tree, steps: list[str], value: str) -> None:
    here = tree
    for place, step in enumerate(steps[:-1]):
        inner = here.setdefault(_index(here, step, steps[place + 1]), {})
        if isinstance(inner, str):
            raise MalformedFormError(f"{steps[0]} is both a value and a collection")
        here = inner
    last = _index(here, steps[-1], "")
    if isinstance(here.get(last), dict):
        raise MalformedFormError(f"{steps[0]} is both a value and a collection")
    here[last] = value


def _index(here: Tree, step: str, following: str) -> str:
    """`[]` is the next place; of a list of hashes it stays in the last one until a name comes again."""
    if step:
        return step
    last = here.get(str(len(here) - 1))
    if following and isinstance(last, dict) and following not in last:
        return str(len(here) - 1)
    return str(len(here))
