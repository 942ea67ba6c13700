"""What is wrong with the answer to a hostile case: its status, its form, or what it gives away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from attacking import Answer
from giving_away import given_away
from hostile_case import CLOSED, Case

from servicekit.problems import PROBLEM_MEDIA_TYPE, PROBLEM_PATH

FIELDS = {"type", "title", "status", "code", "detail", "retryable", "trace_id"}


def wrong(case: Case, answer: Answer, secrets: tuple[str, ...] = ()) -> list[str]:
    """Every way in which the answer is not the one that the case expects."""
    found = [] if answer.status == case.status else [f"status {answer.status}, not {case.status}"]
    if case.code:
        found += _other_problem(case, answer)
    elif case.status != CLOSED and "trace-id" not in answer.headers:
        found.append("no trace id in the headers")
    return [*found, *given_away(answer.status, answer.body, secrets)]


def _other_problem(case: Case, answer: Answer) -> Iterator[str]:
    if answer.headers.get("content-type") != PROBLEM_MEDIA_TYPE:
        yield f"media type {answer.headers.get('content-type')}"
        return
    problem = json.loads(answer.body)
    told: dict[str, tuple[Any, Any]] = {
        "fields missing": (set(), FIELDS - problem.keys()),
        "code": (case.code, problem.get("code")),
        "status in the body": (answer.status, problem.get("status")),
        "type": (PROBLEM_PATH, str(problem.get("type"))[: len(PROBLEM_PATH)]),
        "has a trace id": (case.traced, bool(problem.get("trace_id"))),
    }
    if case.pointer:
        told["places"] = ([case.pointer], [error["pointer"] for error in problem.get("errors", ())])
    yield from (f"{what}: {found}, not {wanted}" for what, (wanted, found) in told.items() if wanted != found)
