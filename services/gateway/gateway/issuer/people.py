"""People who may sign in, and the sessions of those who have."""

from collections.abc import Sequence
from datetime import timedelta

import structlog

from gateway.issuer.authlib_server import SignedIn
from gateway.issuer.expiring import Expiring
from gateway.issuer.hashing import NOBODY, matches
from gateway.issuer.lockout import Lockout
from gateway.settings import PersonSettings
from servicekit.clock import Clock
from servicekit.failures import Failure, Kind


class People:
    """Checks passwords and keeps sessions. `sign_in` may block for 0.1 s (scrypt): call it in a thread."""

    def __init__(
        self, people: Sequence[PersonSettings], lockout: Lockout, clock: Clock, *, session_life_s: int
    ) -> None:
        self._people = {person.username: person for person in people}
        self._lockout = lockout
        self._clock = clock
        self.sessions: Expiring[SignedIn] = Expiring(clock, timedelta(seconds=session_life_s))

    def sign_in(self, username: str, password: str, address: str) -> SignedIn:
        """Who it is. Fails UNAUTHENTICATED without saying which was wrong, THROTTLED after too many failures."""
        log = structlog.get_logger(__name__)
        key = f"person {username} {address}"
        if wait_s := self._lockout.wait_s(key):
            raise Failure(Kind.THROTTLED, "Too many failed attempts. Please try again later.", retry_after_s=wait_s)
        person = self._people.get(username)  # an unknown name takes as long as a wrong password
        right = matches(password, person.password_hash.reveal() if person else NOBODY)
        if person is None or not right:
            self._lockout.failed(key)
            log.warning("sign_in_refused", known=person is not None)
            raise Failure(Kind.UNAUTHENTICATED, "The user name or the password is not right.")
        self._lockout.succeeded(key)
        log.info("signed_in", person=person.id)
        return SignedIn(person=person, at=self._clock.now())
