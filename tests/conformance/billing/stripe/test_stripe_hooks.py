"""What the billing service takes for a delivery of Stripe's."""

import hashlib
import hmac
import json

from running_billing import Running


async def test_a_delivery_must_be_signed_and_fresh(here: Running) -> None:
    """A wrong secret, another body or five minutes, past or to come, make it a stranger's: 401, and nothing is read."""
    body = json.dumps({"type": "product.updated", "data": {"object": {"object": "product", "id": "nothing"}}}).encode()

    async def deliver(secret: str, sent: bytes, age_s: int = 0) -> tuple[int, str]:
        at = int(here.clock.now().timestamp()) - age_s
        signed = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        headers = {"Stripe-Signature": f"t={at},v1={'0' * 64},v1={signed},v0=x", "Authorization": ""}
        answer = await here.api.post("/v1/hooks/billing-de", content=sent, headers=headers)
        return answer.status_code, answer.json()["code"] if answer.content else ""

    secret = here.stage.settings["webhook_secret"]
    assert (204, "") == await deliver(secret, body)
    assert (401, "invalid_signature") == await deliver("whsec_other", body)
    assert (401, "invalid_signature") == await deliver(secret, body + b" ")
    assert (401, "invalid_signature") == await deliver(secret, body, age_s=301)
    assert (401, "invalid_signature") == await deliver(secret, body, age_s=-301)
