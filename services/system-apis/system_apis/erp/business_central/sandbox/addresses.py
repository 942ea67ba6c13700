"""Where a request points: /v2.0/{tenant}/{environment}/api/{route}/{segments}, keys in brackets.

Source: Microsoft's api-endpoint-structure.md. The first v2.0 is the platform's, the second the API's.
"""

import re
from dataclasses import dataclass
from urllib.parse import quote

from system_apis.erp.business_central.sandbox.entities import BY_API
from system_apis.erp.business_central.sandbox.refusals import Refusal, bad_request, no_segment
from system_apis.erp.business_central.sandbox.shapes import STANDARD

_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_SEGMENT = re.compile(r"(?P<name>[$A-Za-z][\w.]*)(?:\((?P<key>.*)\))?")
_PARTS = re.compile(r"(?:'(?:[^']|'')*'|[^/'])+")


@dataclass(frozen=True)
class Segment:
    """`customers(…)`: a name and perhaps a key, its quotes taken off."""

    name: str
    key: str | None = None


@dataclass(frozen=True)
class Address:
    """The API that is spoken to, and the segments below it."""

    root: str  # as the client wrote it: what nextLink and context begin with
    api: str
    segments: tuple[Segment, ...]

    def path(self) -> str:
        """The segments again, quoted for a URL."""
        keyed = (s.name if s.key is None else f"{s.name}({s.key})" for s in self.segments)
        return "/".join(quote(text, safe="()$',.-") for text in keyed)


def parse_address(rest: str, base_url: str, tenant: str, environment: str) -> Address:
    """*rest* is the path below /v2.0/. Raises Refusal for another environment or what is no API."""
    place, found, below = rest.partition("/api/")
    names = place.split("/")
    if not found or names[-1].lower() != environment.lower() or names[:-1] not in ([], [tenant]):
        raise Refusal(404, "NoEnvironment", "Environment does not exist.")
    route = next((api for api in BY_API if below == api or below.startswith(f"{api}/")), None)
    if route is None:
        raise no_segment(below.split("/")[0])
    segments = tuple(_segment(text) for text in _PARTS.findall(below[len(route) :]))
    return Address(f"{base_url}/v2.0/{place}/api/{route}", route, segments)


def relative(address: Address, url: str) -> Address:
    """An address that a batch names: relative to the API that the batch was sent to, or absolute below it."""
    below = url.removeprefix(address.root).lstrip("/")
    segments = tuple(_segment(text) for text in _PARTS.findall(below))
    return Address(address.root, address.api, segments)


def is_standard(address: Address) -> bool:
    return address.api == STANDARD


def _segment(text: str) -> Segment:
    match = _SEGMENT.fullmatch(text)
    if match is None:
        raise bad_request("Bad Request - Error in query syntax.")
    key = match["key"]
    if key is None:
        return Segment(match["name"])
    if key.startswith("'") and key.endswith("'") and len(key) > 1:
        return Segment(match["name"], key[1:-1].replace("''", "'"))
    if not _GUID.fullmatch(key):
        raise bad_request("Bad Request - Error in query syntax.")
    return Segment(match["name"], key.lower())
