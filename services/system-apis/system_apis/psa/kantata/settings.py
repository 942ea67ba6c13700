"""What a connection to Kantata OX needs. One connection is one Kantata account and one user's token."""

import msgspec

from servicekit.settings import Secret


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Fields without a default are required."""

    access_token: Secret  # of an account administrator; does not expire, dies on revocation
    legal_entity_field_id: str  # id of the project custom field (text) that holds our legal entity code
    base_url: str = "https://api.mavenlink.com"
    acceptance_field_id: str = ""  # id of a task custom field (date): when the customer accepted; "" = not kept there
    acceptor_field_id: str = ""  # id of a task custom field (text): who accepted for the customer; "" = not kept there
    time_zone: str = "UTC"  # of the account, for days that are to be moments
    deletions_from_events: bool = False  # whether the account has subscribed events, which tell of deleted time
    worker_service_name: str = "hr"  # how a user's external reference to a worker number is called
    worker_service_model: str = "Worker"
    marker_lag_s: float = 2.0  # how long after a write our own marker may not be found yet
    timeout_s: float = 30.0  # of one call with its repetitions; Kantata itself gives up after 180 s
    concurrency: int = 4  # the account's rate limits are not published
