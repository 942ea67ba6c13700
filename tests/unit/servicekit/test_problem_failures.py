"""A problem that another service answered, as the failure it was: nothing of it is lost, nothing is blamed on us."""

from __future__ import annotations

from collections.abc import Mapping

import httpx
import msgspec
import pytest

from servicekit.failures import FieldError, Kind
from servicekit.problems import Problem
from servicekit.upstream import problem_to_failure


def problem_answer(kind: Kind, code: str = "", headers: Mapping[str, str] | None = None) -> httpx.Response:
    problem = Problem(
        type=f"/docs/problems/{kind.code}",
        title="t",
        status=kind.status,
        code=code or kind.code,
        detail="d",
        trace_id="0" * 32,
        retryable=kind.retryable,
        errors=(FieldError(pointer="/a", code="c", message="m"),),
    )
    whole_headers = {"content-type": "application/problem+json", **(headers or {})}
    return httpx.Response(kind.status, content=msgspec.json.encode(problem), headers=whole_headers)


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.UNAUTHENTICATED])
def test_a_failure_survives_the_way_between_services(kind: Kind) -> None:
    """Kind, code, detail, errors and waiting time come back, also where two kinds share a status."""
    failure = problem_to_failure(problem_answer(kind, "refined", {"retry-after": "7"}))
    assert (kind, "refined", "d", "/a", 7.0) == (
        failure.kind,
        failure.code,
        failure.detail,
        failure.errors[0].pointer,
        failure.retry_after_s,
    )


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (problem_answer(Kind.UNAUTHENTICATED), Kind.MISCONFIGURED),
        (problem_answer(Kind.DENIED, "insufficient_scope"), Kind.MISCONFIGURED),
        (httpx.Response(503, text="upstream connect error"), Kind.UNAVAILABLE),
        (httpx.Response(504), Kind.TIMED_OUT),
        (httpx.Response(500, text="<html>"), Kind.BAD_UPSTREAM),
        (httpx.Response(400, content=b"{", headers={"content-type": "application/problem+json"}), Kind.BAD_UPSTREAM),
    ],
)
def test_what_is_no_problem_of_the_callers_does_not_become_one(response: httpx.Response, kind: Kind) -> None:
    """Our own credentials being refused is our misconfiguration; a proxy's answers are told by their status."""
    assert kind is problem_to_failure(response).kind
