"""A page for each problem type: the address that every error's `type` leads to. Source: RFC 9457 section 4."""

from collections.abc import Mapping

import msgspec

from gateway.markup import code, facts, link, page, table, tag
from servicekit.failures import Kind
from servicekit.problems import INTERNAL_CODE, PROBLEM_PATH, TITLES


class ProblemType(msgspec.Struct, frozen=True, kw_only=True):
    """What a problem means and what its reader can do about it."""

    code: str
    status: int
    title: str
    retryable: bool
    meaning: str
    advice: str


_WORDS: Mapping[Kind, tuple[str, str]] = {
    Kind.MALFORMED: (
        "The request line, a header, a parameter or the body's syntax cannot be read.",
        "Correct the request; errors[] names the places.",
    ),
    Kind.UNAUTHENTICATED: (
        "There is no access token, or it has expired, was altered, or was issued for another layer.",
        "Get a new token whose resource is the layer you call. WWW-Authenticate leads to the metadata.",
    ),
    Kind.DENIED: (
        "The token is valid, but does not allow this.",
        "Ask for the scope that WWW-Authenticate names, or for the right to this record.",
    ),
    Kind.MISSING: ("Nothing is at this address, or nothing that you may see.", "Check the id and the path."),
    Kind.NOT_ALLOWED: ("The address exists and does not take this method.", "Use one of the methods in Allow."),
    Kind.CONFLICT: ("The record's present state does not permit this.", "Read the record again and decide anew."),
    Kind.BUSY: (
        "A request with the same Idempotency-Key is being worked on right now.",
        "Wait as Retry-After says and send it again with the same key.",
    ),
    Kind.GONE: (
        "It was here and has ended: an old version of an API, or a cursor that has expired.",
        "Follow Link to the successor, or begin the list again.",
    ),
    Kind.STALE: (
        "If-Match names a version that is no longer the current one.",
        "Read the record again, apply your change to it, and send the new ETag.",
    ),
    Kind.TOO_LARGE: ("The body is larger than is accepted.", "Send less, or in parts."),
    Kind.UNSUPPORTED_MEDIA: ("The body is not of a media type that is accepted here.", "Send application/json."),
    Kind.INVALID: (
        "The request can be read and does not make sense; errors[] names each place.",
        "Correct those places. The same request will fail again.",
    ),
    Kind.PRECONDITION_REQUIRED: (
        "A change needs to say which version it is for.",
        "Read the record and send its ETag as If-Match.",
    ),
    Kind.THROTTLED: ("You, or we at a platform, have asked too often.", "Wait as Retry-After says."),
    Kind.MISCONFIGURED: (
        "Our own credentials or settings for a platform are wrong.",
        "Nothing on your side; the operators have been told.",
    ),
    Kind.BAD_UPSTREAM: ("A platform behind us gave an answer that its contract does not allow.", "Try again later."),
    Kind.UNAVAILABLE: (
        "A service or a platform behind it cannot be reached.",
        "Wait as Retry-After says and try again.",
    ),
    Kind.TIMED_OUT: ("No answer came in time.", "Try again; a command with the same Idempotency-Key."),
    Kind.IN_DOUBT: (
        "A change was sent to a platform and its answer was lost. It is looked up, never repeated blindly.",
        "Send the same request with the same Idempotency-Key later: it reports the outcome.",
    ),
}

_ALSO = (
    ProblemType(
        code=INTERNAL_CODE,
        status=500,
        title="Something broke on our side",
        retryable=False,
        meaning="A fault that nobody foresaw.",
        advice="Tell the operators the trace_id.",
    ),
    ProblemType(
        code="request_timeout",
        status=408,
        title="Request timeout",
        retryable=True,
        meaning="The request took too long to arrive.",
        advice="Send it again.",
    ),
    ProblemType(
        code="headers_too_large",
        status=431,
        title="Headers too large",
        retryable=False,
        meaning="The request's headers are larger than the edge accepts.",
        advice="Send fewer or shorter headers.",
    ),
    ProblemType(
        code="upgrade_required",
        status=426,
        title="Upgrade required",
        retryable=False,
        meaning="The edge does not speak this version of the protocol.",
        advice="Use HTTP/1.1 or HTTP/2.",
    ),
    ProblemType(
        code="error",
        status=500,
        title="Error",
        retryable=False,
        meaning="The edge refused the request for a reason without a type of its own; see status.",
        advice="Tell the operators the trace_id.",
    ),
)


def problem_types() -> Mapping[str, ProblemType]:
    """Every type by its code, by status."""
    own = [
        ProblemType(
            code=kind.code,
            status=kind.status,
            title=TITLES[kind],
            retryable=kind.retryable,
            meaning=meaning,
            advice=advice,
        )
        for kind, (meaning, advice) in _WORDS.items()
    ]
    return {
        problem.code: problem for problem in sorted([*own, *_ALSO], key=lambda problem: (problem.status, problem.code))
    }


def problems_page() -> bytes:
    """The list of problem types."""
    rows = [
        (
            link(problem.code, PROBLEM_PATH + problem.code),
            str(problem.status),
            problem.title,
            "yes" if problem.retryable else "no",
        )
        for problem in problem_types().values()
    ]
    return page(
        "Problems",
        tag(
            "p",
            "Every error is a document of the media type ",
            code("application/problem+json"),
            " (RFC 9457). Its ",
            code("type"),
            " is one of these; ",
            code("code"),
            " may say it more exactly, ",
            code("errors[]"),
            " names places in the request, ",
            code("trace_id"),
            " leads the operators to the reason.",
        ),
        table("Problem types", ("Type", "Status", "Title", "Retry helps"), rows),
    )


def problem_page(problem: ProblemType) -> bytes:
    """One problem type."""
    return page(
        problem.title,
        facts(
            {
                "Type": code(PROBLEM_PATH + problem.code),
                "Status": str(problem.status),
                "Retry helps": "yes" if problem.retryable else "no",
            }
        ),
        tag("h2", "What it means"),
        tag("p", problem.meaning),
        tag("h2", "What to do"),
        tag("p", problem.advice),
        tag("p", link("All problems", "/docs/problems")),
    )
