"""Whatever happens, in whatever order, the identities hold to the last minor unit, and nothing is billed twice.

SYNCLINE_SEQUENCES says how many sequences are played: 20 unless told (`make sequences` plays 200).
"""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from money_sequences import OPERATIONS, Sequence
from running_money import RunningMoney

SEQUENCES = int(os.environ.get("SYNCLINE_SEQUENCES", "20"))


@settings(
    max_examples=SEQUENCES,
    deadline=None,
    derandomize=SEQUENCES == 20,
    print_blob=True,
    phases=[Phase.explicit, Phase.generate],  # a failing sequence is short enough to read; shrinking it takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(operations=st.lists(OPERATIONS, min_size=4, max_size=12))
async def test_identities_hold_after_every_sequence(money: RunningMoney, operations: list[tuple[Any, ...]]) -> None:
    """B31 and B1 by contract, debits equal credits, no item beyond its amount, no cap exceeded: when it is quiet."""
    sequence = Sequence(money)
    for operation in operations:
        await sequence.play(operation)
        await sequence.check()
    await sequence.finish()
    await sequence.check()
