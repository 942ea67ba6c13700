"""What the screens ask of the process APIs: which address, which scope of it, and what an answer means."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import httpx
import invoicing_facts as facts
import msgspec
import pytest
from invoicing_facts import CONTRACT, CREDIT, RELEASE

from canonical.paging import Page
from experience_api.processes import Processes, Upstreams
from servicekit.failures import Failure, Kind
from servicekit.problems import PROBLEM_MEDIA_TYPE, problem_of
from servicekit.upstream import Upstream

END = date(2026, 12, 1)


class Answering:
    """Answers as the process APIs would, in the order of *answers*, and keeps what was asked."""

    def __init__(self) -> None:
        self.answers: list[httpx.Response] = []
        self.asked: list[str] = []

    def says(self, body: msgspec.Struct) -> None:
        self.answers.append(httpx.Response(200, content=msgspec.json.encode(body)))

    def refuses(self, kind: Kind, code: str) -> None:
        body = msgspec.json.encode(problem_of(Failure(kind, "no", code=code)))
        self.answers.append(httpx.Response(kind.status, content=body, headers={"content-type": PROBLEM_MEDIA_TYPE}))

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.url.host} {request.url.raw_path.decode()}")
        return self.answers.pop(0)


@pytest.fixture
def answering() -> Answering:
    return Answering()


@pytest.fixture
async def reads(answering: Answering) -> AsyncIterator[Processes]:
    """The real client of the processes, each at a host of its own name."""
    async with httpx.AsyncClient(transport=httpx.MockTransport(answering.answer)) as http:

        def upstream(name: str) -> Upstream:
            return Upstream(name, f"http://{name}", http=http, retries=0)

        yield Processes(
            Upstreams(
                onboarding=upstream("onboarding"),
                operations=upstream("operations"),
                invoicing=upstream("invoicing"),
                recognition=upstream("recognition"),
            )
        )


async def test_a_collection_is_read_to_its_last_page(reads: Processes, answering: Answering) -> None:
    """Nothing is left out because there is much of it."""
    answering.says(Page(items=(facts.release(),), next="more"))
    answering.says(Page(items=(facts.credit(),)))
    assert [RELEASE, CREDIT] == [one.id for one in await reads.releases_of(CONTRACT)]
    path = f"invoicing /v1/releases?contract_id={CONTRACT}&limit=200"
    assert [path, f"{path}&cursor=more"] == answering.asked


async def test_only_releases_that_wait_are_asked_for(reads: Processes, answering: Answering) -> None:
    """Of one legal entity, or of all."""
    for entity, asked in (("DE01", "&legal_entity_code=DE01"), (None, "")):
        answering.says(Page(items=()))
        assert () == await reads.waiting_releases(entity)
        assert f"invoicing /v1/releases?state=waiting_for_approval{asked}&limit=200" == answering.asked[-1]


async def test_open_exceptions_are_those_of_the_process(reads: Processes, answering: Answering) -> None:
    """The queue is one for all processes."""
    answering.says(Page(items=()))
    assert () == await reads.open_exceptions("invoice-release")
    assert ["operations /v1/exceptions?open_only=true&limit=200"] == answering.asked


async def test_an_unknown_release_is_none(reads: Processes, answering: Answering) -> None:
    """404 is an answer; anything else is a failure."""
    answering.refuses(Kind.MISSING, "not_found")
    assert await reads.release(RELEASE) is None
    answering.refuses(Kind.DENIED, "forbidden")
    with pytest.raises(Failure) as caught:
        await reads.release(RELEASE)
    assert Kind.DENIED is caught.value.kind
    answering.says(facts.release())
    assert facts.release() == await reads.release(RELEASE)


async def test_what_a_caller_names_is_one_part_of_the_path(reads: Processes, answering: Answering) -> None:
    """No address but the one that is meant can be reached by a clever id."""
    assert await reads.release("x/../../batches?limit=1#") is None
    assert [] == answering.asked


@pytest.mark.parametrize("code", ["not_bound", "unknown_legal_entity"])
async def test_an_entity_without_books_is_none(reads: Processes, answering: Answering, code: str) -> None:
    """Neither an ERP for it, nor it in the ERP."""
    answering.refuses(Kind.INVALID, code)
    assert await reads.tie_out("ZZ99", END) is None
    assert ["recognition /v1/tie-outs/ZZ99?period_end=2026-12-01"] == answering.asked


async def test_another_refusal_of_a_tie_out_is_a_failure(reads: Processes, answering: Answering) -> None:
    """The page then says that the figures are unavailable, not that there are none."""
    answering.refuses(Kind.INVALID, "invalid_request")
    with pytest.raises(Failure) as caught:
        await reads.tie_out("DE01", END)
    assert Kind.INVALID is caught.value.kind


READS: list[tuple[str, tuple[Any, ...], msgspec.Struct, Any, str]] = [
    (
        "release_statistics",
        ("DE01",),
        facts.statistics(),
        facts.statistics(),
        "release-statistics?legal_entity_code=DE01",
    ),
    ("release_statistics", (None,), facts.statistics(), facts.statistics(), "release-statistics"),
    ("lineage", (RELEASE,), facts.lineage(), facts.lineage(), f"releases/{RELEASE}/lineage"),
    (
        "approved_values",
        ("DE01",),
        Page(items=(facts.approved_value(),)),
        (facts.approved_value(),),
        "approved-values?legal_entity_code=DE01",
    ),
]


@pytest.mark.parametrize(("read", "of", "said", "wanted", "path"), READS)
async def test_what_is_said_is_what_is_read(
    reads: Processes, answering: Answering, read: str, of: tuple[Any, ...], said: msgspec.Struct, wanted: Any, path: str
) -> None:
    """Each read has one address of invoice-release."""
    answering.says(said)
    assert wanted == await getattr(reads, read)(*of)
    assert [f"invoicing /v1/{path}"] == answering.asked


async def test_a_tie_out_is_read_whole(reads: Processes, answering: Answering) -> None:
    """Every figure and difference comes through as it was said."""
    answering.says(facts.tie_out())
    assert facts.tie_out() == await reads.tie_out("DE01", END)
