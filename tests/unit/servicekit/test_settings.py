"""Settings are read strictly, once, and refused with every mistake named."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import msgspec
import pytest

from servicekit.settings import Secret, ServiceSettings, SettingsError, load, read

GOOD: dict[str, Any] = {
    "name": "system-crm",
    "layer": "system",
    "port": 8101,
    "issuer": "http://127.0.0.1:8000/oauth",
    "audience": "syncline-system",
    "client_id": "system-crm",
    "client_secret": "${CRM_SECRET}",
    "database_url": "postgresql+psycopg://crm:${CRM_PASSWORD}@db/syncline",
    "schema": "system_crm",
    "redis_url": "unix:///run/valkey.sock",
}
ENVIRON = {"CRM_SECRET": "s3cret", "CRM_PASSWORD": "pa55"}


class Vendor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One connection of a connector."""

    url: str
    key: Secret
    timeout_s: float = 10.0


class CrmSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A service's settings, with parts inside parts."""

    service: ServiceSettings
    connections: dict[str, Vendor]
    fallback: Vendor | None = None


def test_a_good_file_is_read_with_its_references_filled(tmp_path: Path) -> None:
    """References are replaced from the environment, also inside a longer text."""
    file = tmp_path / "settings.json"
    file.write_bytes(msgspec.json.encode(GOOD))
    settings = load(ServiceSettings, {**ENVIRON, "SYNCLINE_SETTINGS": str(file)})
    assert ("s3cret", "postgresql+psycopg://crm:pa55@db/syncline") == (
        settings.client_secret.reveal(),
        settings.database_url.reveal(),
    )
    assert (600, "local", 8101) == (settings.rate_limit, settings.environment, settings.port)


def test_every_mistake_is_reported_together_by_its_place() -> None:
    """Missing, unknown and wrong settings at any depth come in one error."""
    document = {
        "service": {key: value for key, value in GOOD.items() if key != "schema"} | {"port": "80", "colour": "red"},
        "connections": {"sf": {"key": "", "timeout_s": "fast"}, "sf.eu": {"url": 1, "key": "k"}},
    }
    with pytest.raises(SettingsError) as caught:
        read(CrmSettings, document, {"CRM_SECRET": "s3cret"})
    assert [
        ("/connections/sf.eu/url", "Expected `str`, got `int`."),
        ("/connections/sf/key", "Expected a text that is not empty."),
        ("/connections/sf/timeout_s", "Expected `float`, got `str`."),
        ("/connections/sf/url", "This field is required."),
        ("/service/colour", "No such field is known here."),
        ("/service/database_url", "the environment variable CRM_PASSWORD is not set"),
        ("/service/port", "Expected `int`, got `str`."),
        ("/service/schema", "This field is required."),
    ] == [(error.pointer, error.message) for error in caught.value.errors]
    assert "connections.sf.url: This field is required" in str(caught.value)


def test_no_message_shows_the_value_of_a_secret() -> None:
    """A refusal names places, never what stands there."""
    document = {**GOOD, "client_secret": {"oops": "hunter2"}, "port": "hunter3"}
    with pytest.raises(SettingsError) as caught:
        read(ServiceSettings, document, ENVIRON)
    assert "hunter" not in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_secret_shows_itself_nowhere() -> None:
    """Neither text, nor msgspec, nor a struct's own repr gives a secret away."""
    secret = Secret("s3cret")
    assert ["Secret(hidden)", "Secret(hidden)", "Secret(hidden)"] == [str(secret), repr(secret), f"{secret}"]
    assert "s3cret" not in repr(Vendor(url="u", key=secret))
    with pytest.raises(TypeError, match="Secret is unsupported"):
        msgspec.json.encode(Vendor(url="u", key=secret))
    with pytest.raises(TypeError, match="a secret is not stored"):
        pickle.dumps(secret)


def test_secrets_compare_by_what_they_hide() -> None:
    """Two secrets are equal when their texts are."""
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert 1 == len({Secret("a"), Secret("a")})


@pytest.mark.parametrize(
    ("content", "expected"),
    [(None, "the file cannot be read (No such file or directory)"), (b"{", "the file is not JSON")],
)
def test_a_file_that_cannot_be_read_is_said_so(tmp_path: Path, content: bytes | None, expected: str) -> None:
    """A missing or broken file is a SettingsError, not a traceback of the decoder."""
    file = tmp_path / "settings.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        load(ServiceSettings, {"SYNCLINE_SETTINGS": str(file)})
    assert [expected] == [error.message for error in caught.value.errors]


def test_an_unnamed_file_is_said_so() -> None:
    """Without SYNCLINE_SETTINGS the service says which variable it wants."""
    with pytest.raises(SettingsError, match="the variable SYNCLINE_SETTINGS does not name a file"):
        load(ServiceSettings, {})
