"""Outbound HTTP against real sockets: what is repeated, what is in doubt, and what is left alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from datetime import date
from decimal import Decimal

import msgspec
import pytest
from scripted_upstream import (
    Conversation,
    Pauses,
    Ticks,
    answers_ok,
    hangs_up,
    nobody,
    says_nothing,
    serving,
)

from servicekit.breaker import Breaker, RetryBudget
from servicekit.failures import Failure, Kind
from servicekit.transport import http_client, whole
from servicekit.upstream import Upstream, in_path


class Thing(msgspec.Struct, frozen=True):
    """What the upstream answers."""

    id: str
    amount: Decimal


async def failure_of(call: Awaitable[object]) -> Failure:
    with pytest.raises(Failure) as caught:
        await call
    return caught.value


async def test_an_answer_of_any_status_comes_back() -> None:
    """Statuses are the connector's business; they are not raised."""

    async def teapot(conversation: Conversation) -> None:
        await conversation.answer(418, b"short and stout")

    async with serving(teapot) as (_, url), Upstream("kettle", url) as upstream:
        response = await upstream.send("POST", "/tea")
    assert (418, b"short and stout") == (response.status_code, response.content)


async def test_redirects_are_not_followed() -> None:
    """A redirect is an answer: following it could carry our token elsewhere."""

    async def elsewhere(conversation: Conversation) -> None:
        await conversation.answer(302, headers={"location": "http://evil.example/"})

    async with serving(elsewhere) as (server, url), Upstream("a", url) as upstream:
        response = await upstream.send("GET", "/x")
    assert (302, 1) == (response.status_code, len(server.seen))


async def test_another_host_is_not_called_with_our_credentials() -> None:
    """A next-page link to a foreign host is refused before anything is sent."""
    async with Upstream("a", "https://vendor.example/api") as upstream:
        failure = await failure_of(upstream.send("GET", "https://evil.example/api"))
    assert Kind.BAD_UPSTREAM is failure.kind


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_nobody_there_is_unavailable_even_for_a_write(method: str) -> None:
    """Refused before anything was sent: repeated, then UNAVAILABLE, for a write as for a read."""
    pauses = Pauses()
    async with Upstream("crm", nobody(), sleep=pauses) as upstream:
        failure = await failure_of(upstream.send(method, "/x"))
    assert (Kind.UNAVAILABLE, "crm cannot be reached right now.") == (failure.kind, failure.detail)
    assert 2 == len(pauses.taken)


async def test_a_write_whose_connection_broke_is_in_doubt_and_sent_once() -> None:
    """The request was there, the answer is not: never repeated, IN_DOUBT."""
    async with serving(hangs_up) as (server, url), Upstream("erp", url, sleep=Pauses()) as upstream:
        failure = await failure_of(upstream.send("POST", "/journal", json={"a": 1}))
    assert (Kind.IN_DOUBT, ["POST"]) == (failure.kind, [seen.method for seen in server.seen])


async def test_a_repeatable_write_on_a_kept_connection_that_broke_is_repeated_by_us_alone() -> None:
    """The transport does not repeat it behind our back: every repeat is one of ours, and counted."""

    async def get_only(conversation: Conversation) -> None:
        if conversation.method == "GET":
            await answers_ok(conversation)
        else:
            conversation.hang_up()

    pauses = Pauses()
    async with serving(get_only) as (server, url), Upstream("erp", url, sleep=pauses) as upstream:
        await upstream.send("GET", "/x")
        failure = await failure_of(upstream.send("POST", "/journal", json={"a": 1}, idempotent=True))
    assert (Kind.UNAVAILABLE, ["GET", *["POST"] * 3]) == (failure.kind, [seen.method for seen in server.seen])
    assert 2 == len(pauses.taken)


async def test_a_write_that_may_not_be_repeated_never_meets_a_connection_that_is_being_closed() -> None:
    """It goes over a connection of its own; on a kept one whose server has gone it would be in doubt for nothing."""
    used: set[asyncio.StreamWriter] = set()

    async def once_each(conversation: Conversation) -> None:
        if conversation.writer in used:
            conversation.hang_up()
        else:
            used.add(conversation.writer)
            await answers_ok(conversation)

    async with serving(once_each) as (server, url), Upstream("erp", url, sleep=Pauses()) as upstream:
        answers = [await upstream.send(method, "/journal") for method in ("GET", "POST", "POST", "POST")]
    assert ([200] * 4, 4) == ([answer.status_code for answer in answers], len(server.seen))


async def test_a_write_without_an_answer_in_time_is_in_doubt() -> None:
    """A deadline after sending leaves a write in doubt."""
    async with serving(says_nothing) as (server, url), Upstream("erp", url, timeout_s=0.1) as upstream:
        failure = await failure_of(upstream.send("POST", "/journal", json={"a": 1}))
    assert (Kind.IN_DOUBT, 1) == (failure.kind, len(server.seen))


async def test_a_read_without_an_answer_in_time_has_timed_out() -> None:
    """A deadline on a read is only late."""
    async with serving(says_nothing) as (_, url), Upstream("erp", url, timeout_s=0.1) as upstream:
        failure = await failure_of(upstream.send("GET", "/journal"))
    assert (Kind.TIMED_OUT, "erp did not answer in time.") == (failure.kind, failure.detail)


async def test_the_connection_of_a_late_request_is_let_go() -> None:
    """The transport keeps a cancelled request's connection; its own time-out ends it."""
    async with serving(says_nothing_but_listens) as (server, url), http_client() as http:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await http.get(url, timeout=whole(0.2))
        async with asyncio.timeout(5):
            await server.left.wait()


async def says_nothing_but_listens(conversation: Conversation) -> None:
    """Returns at once: the server goes on reading, and notices when the other side leaves."""


async def test_a_broken_answer_of_a_read_is_repeated() -> None:
    """A read that broke half-way is sent again and succeeds."""

    async def first_breaks(conversation: Conversation) -> None:
        if conversation.number == 1:
            conversation.writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nhal")
            await conversation.writer.drain()
            conversation.hang_up()
        else:
            await answers_ok(conversation)

    async with serving(first_breaks) as (server, url), Upstream("a", url, sleep=Pauses()) as upstream:
        response = await upstream.send("GET", "/x")
    assert (200, 2) == (response.status_code, len(server.seen))


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_passing_trouble_is_waited_out_for_reads(status: int) -> None:
    """Repeatable requests are repeated on 429, 502, 503 and 504, after the time that was asked for."""

    async def once_in_trouble(conversation: Conversation) -> None:
        if conversation.number == 1:
            await conversation.answer(status, headers={"retry-after": "3"})
        else:
            await answers_ok(conversation)

    pauses = Pauses()
    async with serving(once_in_trouble) as (server, url), Upstream("a", url, sleep=pauses) as upstream:
        response = await upstream.send("GET", "/x")
    assert (200, 2, [3.0]) == (response.status_code, len(server.seen), pauses.taken)


@pytest.mark.parametrize(
    ("method", "status", "idempotent", "expected"),
    [
        ("POST", 503, None, 1),
        ("POST", 503, True, 3),
        ("PUT", 503, None, 3),
        ("PUT", 503, False, 1),
        ("GET", 500, None, 1),
    ],
)
async def test_only_what_is_safe_is_repeated(method: str, status: int, idempotent: bool | None, expected: int) -> None:
    """The method decides unless the caller knows better; a plain 500 is never repeated."""

    async def in_trouble(conversation: Conversation) -> None:
        await conversation.answer(status)

    async with serving(in_trouble) as (server, url), Upstream("a", url, sleep=Pauses()) as upstream:
        response = await upstream.send(method, "/x", idempotent=idempotent)
    assert (status, expected) == (response.status_code, len(server.seen))


async def test_a_wait_beyond_the_deadline_is_not_begun() -> None:
    """Retry-After past the deadline: the answer is handed over at once."""

    async def busy(conversation: Conversation) -> None:
        await conversation.answer(429, headers={"retry-after": "60"})

    pauses = Pauses()
    async with serving(busy) as (server, url), Upstream("a", url, timeout_s=5, sleep=pauses) as upstream:
        response = await upstream.send("GET", "/x")
    assert (429, 1, []) == (response.status_code, len(server.seen), pauses.taken)


async def test_retries_end_with_their_budget() -> None:
    """However many requests fail, repeats are a tenth of them after the reserve of ten."""

    async def in_trouble(conversation: Conversation) -> None:
        await conversation.answer(503)

    async with (
        serving(in_trouble) as (server, url),
        Upstream("a", url, sleep=Pauses(), breaker_failures=10_000) as upstream,
    ):
        for _ in range(50):
            await upstream.send("GET", "/x")
    # 10 in reserve, and 0.1 earned by each of the requests once the reserve has been touched.
    assert 50 + 14 == len(server.seen)


async def test_the_breaker_opens_and_lets_one_probe_through() -> None:
    """After failures in a row nothing is sent; after a while one request is, and its success closes the breaker."""
    ticks = Ticks()
    working = False

    async def maybe(conversation: Conversation) -> None:
        await (answers_ok(conversation) if working else conversation.answer(503))

    async with (
        serving(maybe) as (server, url),
        Upstream("a", url, retries=0, breaker_failures=3, breaker_open_s=5, monotonic=ticks) as upstream,
    ):
        for _ in range(3):
            await upstream.send("GET", "/x")
        refused = await failure_of(upstream.send("GET", "/x"))
        ticks.now += 5
        await upstream.send("GET", "/x")  # the probe fails: open again
        again = await failure_of(upstream.send("GET", "/x"))
        ticks.now += 5
        working = True
        answers = [(await upstream.send("GET", "/x")).status_code for _ in range(2)]
    assert (Kind.UNAVAILABLE, 5.0, Kind.UNAVAILABLE) == (refused.kind, refused.retry_after_s, again.kind)
    assert ([200, 200], "closed", 6) == (answers, upstream.breaker.state, len(server.seen))


def test_only_one_probe_at_a_time() -> None:
    """While a probe is under way all others are refused; one that was given up makes room for the next."""
    ticks = Ticks()
    breaker = Breaker(failures=1, open_s=5, monotonic=ticks)
    breaker.failed()
    assert "open" == breaker.state
    ticks.now += 5
    breaker.enter("a")
    with pytest.raises(Failure):
        breaker.enter("a")
    breaker.left()
    breaker.enter("a")
    assert "half_open" == breaker.state


def test_a_budget_never_holds_more_than_its_reserve() -> None:
    """Quiet days do not save up for a storm of retries."""
    budget = RetryBudget(share=0.5, reserve=2)
    for _ in range(100):
        budget.earn()
    assert [True, True, False] == [budget.spend() for _ in range(3)]


async def test_only_so_many_requests_are_under_way() -> None:
    """The concurrency bound holds, and waiting for a place counts against the deadline."""
    under_way = most = 0
    go = asyncio.Event()

    async def counted(conversation: Conversation) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        if under_way == 2:
            go.set()
        await go.wait()
        under_way -= 1
        await answers_ok(conversation)

    async with serving(counted) as (_, url), Upstream("a", url, concurrency=2) as upstream:
        answers = await asyncio.gather(*(upstream.send("GET", "/x") for _ in range(6)))
    assert ([200] * 6, 2) == ([answer.status_code for answer in answers], most)


async def test_a_restarted_server_is_found_again() -> None:
    """A kept connection to a server that is gone does no harm to the next request, a write at that."""
    async with Upstream("a", "http://127.0.0.1") as upstream:
        async with serving(answers_ok) as (_, url):
            port = int(url.rpartition(":")[2])
            upstream._base_url = url
            first = await upstream.send("POST", "/x")
        async with serving(answers_ok, port) as (_, url):
            second = await upstream.send("POST", "/x")
    assert [200, 200] == [first.status_code, second.status_code]


class Badge:
    """Credentials that are renewed when refused."""

    def __init__(self) -> None:
        self.number = 1

    async def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.number}"}

    async def refused(self) -> None:
        self.number += 1


@pytest.mark.parametrize(("good", "status", "expected"), [("Bearer 2", 200, 2), ("Bearer 9", 401, 2)])
async def test_a_refused_token_is_renewed_once(good: str, status: int, expected: int) -> None:
    """401 leads to one replay with new credentials, for a write too (401 means: not done), and no more."""

    async def guarded(conversation: Conversation) -> None:
        await conversation.answer(200 if conversation.header("authorization") == good else 401)

    async with serving(guarded) as (server, url), Upstream("a", url, auth=Badge()) as upstream:
        response = await upstream.send("POST", "/x")
    assert (status, expected) == (response.status_code, len(server.seen))


async def test_a_call_of_our_own_reads_its_answer() -> None:
    """Body, parameters, key, actor and no-store go out as they should; the answer comes back typed."""
    async with serving(answers_ok) as (server, url), Upstream("psa", f"{url}/base/") as upstream:
        thing = await upstream.call(
            "POST",
            "/v1/things",
            returns=Thing,
            body={"amount": Decimal("1.50"), "on": date(2026, 11, 23)},
            params={"as_of": date(2026, 1, 2), "limit": 5, "status": ["a", "b"], "none": None},
            key="k-1",
            actor="per_7",
        )
    seen = server.seen[0]
    assert Thing("1", Decimal("1.50")) == thing
    assert b"POST /base/v1/things?as_of=2026-01-02&limit=5&status=a&status=b HTTP/1.1" == seen.head.split(b"\r\n")[0]
    assert b'{"amount":"1.50","on":"2026-11-23"}' == seen.body
    assert ("application/json", "k-1", "per_7", "no-store") == tuple(
        seen.header(name) for name in ("content-type", "idempotency-key", "syncline-actor", "cache-control")
    )


async def test_nothing_to_read_is_none() -> None:
    """A 204 is read as None."""
    nothing: object = None

    async def no_content(conversation: Conversation) -> None:
        await conversation.answer(204)

    async with serving(no_content) as (_, url), Upstream("psa", url) as upstream:
        answers: list[object] = [await upstream.call("DELETE", "/v1/things/1", returns=type(nothing))]
    assert [nothing] == answers


@pytest.mark.parametrize("body", [b"{", b"{}", b""])
async def test_an_answer_against_the_contract_is_bad_upstream(body: bytes) -> None:
    """What cannot be read as promised is the upstream's fault."""

    async def wrong(conversation: Conversation) -> None:
        await conversation.answer(200, body)

    async with serving(wrong) as (_, url), Upstream("psa", url) as upstream:
        failure = await failure_of(upstream.call("GET", "/x", returns=Thing))
    assert Kind.BAD_UPSTREAM is failure.kind


def test_a_name_is_one_step_of_a_path() -> None:
    """As our ids and codes are."""
    assert "ctr_0af7" == in_path("ctr_0af7")
    assert "DE01" == in_path("DE01")


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "../customers", "a?limit=1", "a#", "a%2Fb", "a b", "a\n", "\x0f\U000e0646"]
)
def test_what_is_no_step_of_a_path_is_nowhere(name: str) -> None:
    """A slash, a question mark or a dot would lead elsewhere, quoted or not."""
    with pytest.raises(Failure) as caught:
        in_path(name)
    assert Kind.MISSING is caught.value.kind
