"""Traces and correlation ids come in, go on and come out; logs carry them and hide what must be hidden."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import msgspec
import pytest
import structlog
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from servicekit import logs
from servicekit.app import Service
from servicekit.settings import Secret, ServiceSettings
from servicekit.telemetry import (
    Telemetry,
    carry,
    client_span,
    continue_from,
    correlation_id,
    current_service,
    current_trace_id,
    current_traceparent,
    mark_failed,
)

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, NOT_SAMPLED = f"00-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-00"


@pytest.fixture
def spans() -> InMemorySpanExporter:
    """What was exported."""
    return InMemorySpanExporter()


@pytest.fixture
def telemetry(service_settings: ServiceSettings, spans: InMemorySpanExporter) -> Telemetry:
    """The example service's telemetry, exporting to memory."""
    return Telemetry(service_settings, processors=(SimpleSpanProcessor(spans),))


async def test_a_callers_trace_and_correlation_id_are_kept(things: httpx.AsyncClient) -> None:
    """The answer names the caller's own trace and correlation id."""
    headers = {"traceparent": SAMPLED, "Syncline-Correlation-Id": "deal:4711_a.b-C"}
    answer = await things.get("/v1/things/1", headers=headers)
    assert (TRACE, "deal:4711_a.b-C") == (answer.headers["trace-id"], answer.headers["syncline-correlation-id"])


@pytest.mark.parametrize("sent", ["", "a" * 65, "a b", "a\tb", "ä", "<script>"])
async def test_an_unfit_correlation_id_is_replaced(things: httpx.AsyncClient, sent: str) -> None:
    """What does not fit is not echoed: a new one is."""
    headers = [(b"Syncline-Correlation-Id", sent.encode()), (b"traceparent", b"00-nonsense")]
    answer = await things.get("/v1/things/1", headers=headers)
    assert answer.headers["syncline-correlation-id"].startswith("cor_")
    assert 32 == len(answer.headers["trace-id"])


async def test_a_request_is_one_span_named_by_its_route(
    make_service: Callable[..., Service], talk: Any, spans: InMemorySpanExporter
) -> None:
    """One server span per request, with the route's template, below the caller's span."""
    service = make_service()
    service.telemetry.provider.add_span_processor(SimpleSpanProcessor(spans))
    async with talk(service) as client:
        await client.get("/v1/things/1", headers={"traceparent": SAMPLED})
        await client.get("/v1/things/2", headers={"traceparent": NOT_SAMPLED})
    (span,) = spans.get_finished_spans()
    assert ("GET /v1/things/{thing_id}", int(PARENT, 16)) == (span.name, span.parent and span.parent.span_id)
    assert span.attributes is not None
    assert (200, "/v1/things/{thing_id}") == (
        span.attributes["http.response.status_code"],
        span.attributes["http.route"],
    )
    assert "system-things" == span.resource.attributes["service.name"]


def test_what_goes_out_carries_trace_and_correlation(telemetry: Telemetry) -> None:
    """Outgoing headers name the client span as parent, in the caller's trace."""
    telemetry_request = telemetry.request("GET", traceparent=SAMPLED, tracestate="v=1", correlation="deal-1")
    with telemetry_request, client_span("GET crm", {"peer.service": "crm"}):
        headers: dict[str, str] = {}
        carry(headers)
        assert ("deal-1", TRACE, "system-things") == (correlation_id(), current_trace_id(), current_service())
        assert headers == {
            "traceparent": current_traceparent(),
            "tracestate": "v=1",
            "Syncline-Correlation-Id": "deal-1",
        }
    assert ("", "", "", "") == (correlation_id(), current_trace_id(), current_traceparent(), current_service())


def test_an_event_goes_on_in_its_trace(telemetry: Telemetry, spans: InMemorySpanExporter) -> None:
    """A stored traceparent is continued later, with its correlation id."""
    with telemetry.request("POST", traceparent="", tracestate="", correlation="deal-2"):
        stored = current_traceparent()
        with continue_from(stored, name="consume syncline.opportunity-won.v1", correlation="deal-2"):
            assert "deal-2" == correlation_id()
            assert stored.split("-")[1] == current_trace_id()
    names = [span.name for span in spans.get_finished_spans()]
    assert ["consume syncline.opportunity-won.v1", "POST"] == names


def test_without_a_trace_one_is_begun(telemetry: Telemetry) -> None:
    """A timer has nothing to continue: it gets a trace and a correlation id of its own."""
    with telemetry.request("GET", traceparent="", tracestate="", correlation=""):
        outer = current_trace_id()
        with continue_from("", name="due"):
            assert outer != current_trace_id()
            assert 32 == len(current_trace_id())


def test_a_failed_span_says_its_code(telemetry: Telemetry, spans: InMemorySpanExporter) -> None:
    """The status of a failed call is its stable code."""
    with telemetry.request("GET", traceparent="", tracestate="", correlation="") as span:
        mark_failed(span, "unavailable")
    (finished,) = spans.get_finished_spans()
    assert (StatusCode.ERROR, "unavailable") == (finished.status.status_code, finished.status.description)


def test_the_ratio_is_for_traces_begun_here(service_settings: ServiceSettings, spans: InMemorySpanExporter) -> None:
    """With ratio 0 nothing begun here is kept, but a caller's sampled trace is; ids are there in both."""
    settings = msgspec.structs.replace(service_settings, trace_ratio=0.0)
    telemetry = Telemetry(settings, processors=(SimpleSpanProcessor(spans),))
    for traceparent in ("", SAMPLED):
        with telemetry.request("GET", traceparent=traceparent, tracestate="", correlation=""):
            assert 32 == len(current_trace_id())
    assert [int(TRACE, 16)] == [span.context.trace_id for span in spans.get_finished_spans() if span.context]


@pytest.fixture
def log_lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Configures logs into memory; returns what was written. The former set-up comes back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure(service="system-things", level="info", stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    structlog.reset_defaults()
    root.handlers = handlers
    root.setLevel(level)


def test_a_line_knows_where_it_comes_from(telemetry: Telemetry, log_lines: Callable[[], list[dict[str, Any]]]) -> None:
    """Our lines and a library's are JSON with service, trace and correlation id."""
    with telemetry.request("GET", traceparent=SAMPLED, tracestate="", correlation="deal-3"):
        structlog.get_logger("ours").info("written", count=3)
        logging.getLogger("theirs").warning("from %s", "a library")
    ours, theirs = log_lines()
    assert ("written", 3, "info", "ours") == (ours["event"], ours["count"], ours["level"], ours["logger"])
    assert ("from a library", "warning", "theirs") == (theirs["event"], theirs["level"], theirs["logger"])
    for line in (ours, theirs):
        assert ("system-things", TRACE, "deal-3") == (line["service"], line["trace_id"], line["correlation_id"])


def test_secrets_do_not_reach_the_log(log_lines: Callable[[], list[dict[str, Any]]]) -> None:
    """By key at any depth, and by type; a bug's traceback has no values of variables."""
    structlog.get_logger("ours").info(
        "calling",
        headers={"Authorization": "Bearer x9", "accept": "json"},
        forms=[{"client_secret": "x9", "grant": "g"}],
        password="x9",
        key=Secret("x9"),
    )
    hidden = "x" + "9"
    try:
        int(hidden[:1])
    except ValueError as error:
        structlog.get_logger("ours").error("broke", exc_info=error)
    calling, broke = log_lines()
    assert {"Authorization": "[hidden]", "accept": "json"} == calling["headers"]
    assert [{"client_secret": "[hidden]", "grant": "g"}] == calling["forms"]
    assert "ValueError: invalid literal for int()" in broke["exception"]
    assert "x9" not in json.dumps([calling, broke])
