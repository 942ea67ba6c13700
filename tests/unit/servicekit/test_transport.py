"""The client that everything outbound uses, against real sockets. What its transport mends is in test_upstream.py."""

from __future__ import annotations

from scripted_upstream import Conversation, serving

from servicekit.transport import http_client


async def test_cookies_are_not_kept() -> None:
    """Who we are is said in each request; a session that a platform hangs on us would outlive the token."""

    async def remembers(conversation: Conversation) -> None:
        await conversation.answer(200, headers={"set-cookie": "session=1; Path=/"})

    async with serving(remembers) as (server, url), http_client() as http:
        for _ in range(2):
            await http.get(url)
    assert ["", ""] == [one.header("cookie") for one in server.seen]
