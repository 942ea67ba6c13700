"""What a SCIM server's refusal means to us, and that its words stay in the log."""

import httpx
import pytest

from servicekit.failures import Kind
from system_apis.identity.scim.errors import failure_of

SAID = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "detail": "no user ada@x.example"}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Kind.BAD_UPSTREAM),
        (401, Kind.MISCONFIGURED),
        (403, Kind.MISCONFIGURED),
        (404, Kind.MISSING),
        (418, Kind.BAD_UPSTREAM),
        (429, Kind.THROTTLED),
        (500, Kind.UNAVAILABLE),
        (501, Kind.BAD_UPSTREAM),
        (502, Kind.UNAVAILABLE),
        (503, Kind.UNAVAILABLE),
        (504, Kind.TIMED_OUT),
    ],
)
@pytest.mark.parametrize("spelled", [str, int])
def test_a_status_has_a_kind(status: int, kind: Kind, spelled: type) -> None:
    """The body's status may be a text or a number; the server's words are for the log only."""
    failure = failure_of(httpx.Response(status, json={**SAID, "status": spelled(status), "scimType": "invalidValue"}))
    assert kind is failure.kind
    assert "ada" not in str(failure)
    assert f"{status} invalidValue no user ada@x.example" == failure.vendor_detail


@pytest.mark.parametrize(("headers", "wait"), [({"Retry-After": "7"}, 7.0), ({}, 5.0), ({"Retry-After": "soon"}, 5.0)])
def test_a_throttled_caller_is_told_when(headers: dict[str, str], wait: float) -> None:
    """As the server says, else in a few seconds."""
    assert wait == failure_of(httpx.Response(429, headers=headers)).retry_after_s


def test_a_gateway_in_front_is_understood_by_its_status() -> None:
    """HTML or nothing at all is no Error message."""
    failure = failure_of(httpx.Response(503, text="<html>down</html>"))
    assert (Kind.UNAVAILABLE, "503 <html>down</html>") == (failure.kind, failure.vendor_detail)
