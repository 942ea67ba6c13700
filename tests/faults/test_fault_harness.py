"""The fault harness's own rules: which points a seed takes, what rounds are compared by, and what the report counts."""

import re
from collections import Counter

import msgspec
from fault_cases import Machine, Row, replay, report, told
from fault_points import Found, Held, Point, chosen, found_in, held_at, left_over, named
from fault_state import Differences, between, compared
from fault_world import FEW, MANY, contract_number, marks, unmarked

RUN = "0af7651916cd43dd8448eb211c80319c"


def _found(vendor: str, count: int) -> list[Found]:
    return [
        Found(point=Point(vendor=vendor, method="POST", path=f"/{place}", stage="before"), times=4, place=place)
        for place in range(count)
    ]


def test_points_are_found_in_what_runs_wrote() -> None:
    """Three at each write, two at a last one; what others wrote is none."""
    first = {"trace": RUN, "method": "POST", "path": "/projects", "followed": True}
    last = {"trace": RUN, "method": "PUT", "path": "/projects/{id}", "followed": False}
    found = found_in([("psa", first), ("psa", {**first, "trace": "another"}), ("psa", last)], {RUN})
    stages = [(one.point.method, one.point.stage, one.times, one.place) for one in found]
    posts = [("POST", stage, 1, 0) for stage in ("after", "before", "next")]
    assert [*posts, ("PUT", "after", 1, 1), ("PUT", "before", 1, 1)] == stages


def test_a_point_s_pattern_finds_its_own_paths() -> None:
    """Ids are anything with a digit in it; another write's path is not found."""
    path = "/v2.0/{id}/production/companies()/journals()/Microsoft.NAV.post"
    pattern = Point(vendor="erp", method="POST", path=path, stage="after").pattern
    assert re.search(pattern, "/v2.0/7f-1/production/companies(1a)/journals(22)/Microsoft.NAV.post")
    assert not re.search(pattern, "/v2.0/7f-1/production/companies(1a)/journals(22)")


def test_a_run_of_seeds_takes_every_point() -> None:
    """Three of each vendor a round; the same seed takes the same again."""
    found = [*_found("psa", 10), *_found("erp", 2)]
    taken = Counter(one.point for seed in range(4) for one, _ in chosen(found, seed))
    assert {one.point for one in found} == set(taken)
    assert chosen(found, 7) == chosen(found, 7)
    assert {"psa": 3, "erp": 2} == Counter(one.point.vendor for one, _ in chosen(found, 7))


def test_a_point_is_struck_where_a_request_really_stands() -> None:
    """At its stage, or as the next call after its write; a call of another vendor may be that."""
    stages = ("before", "after", "next")
    picked = [
        (Found(point=Point(vendor="psa", method="POST", path="/x/{id}", stage=stage), times=1, place=0), 0)
        for stage in stages
    ]
    addresses = {"psa": "http://psa", "erp": "http://erp"}
    fixed = {"id": 1, "trace": RUN}
    after = Held(vendor="psa", stage="after", method="POST", path="/x/7", **fixed)
    following = Held(vendor="erp", stage="next", method="GET", path="/y", follows="http://psa POST /x/{id}", **fixed)
    assert {"after"} == {point.stage for point in held_at([after], picked, addresses)}
    assert {"after", "next"} == {point.stage for point in held_at([after, following], picked, addresses)}
    assert frozenset() == held_at(
        [Held(vendor="erp", stage="next", method="GET", path="/y", **fixed)], picked, addresses
    )


def test_points_that_none_came_to_are_struck_at_last() -> None:
    """One of each vendor at a time, since another one in the way is what kept runs from it; none twice."""
    found = [*_found("erp", 1), *_found("psa", 3)]
    done = {"psa POST /1 before"}
    assert ("erp POST /0 before", "psa POST /0 before") == left_over(found, done)
    assert ("psa POST /2 before",) == left_over(found, {*done, "erp POST /0 before", "psa POST /0 before"})
    assert () == left_over(found, {str(one.point) for one in found})
    assert [("psa POST /2 before", 0)] == [(str(one.point), skip) for one, skip in named(found, ["psa POST /2 before"])]
    again = replay("kill-edge", 3, ["psa POST /2 before"])
    assert """make faults FAULT="kill-edge --seed 3 --only 'psa POST /2 before'\"""" == again


def test_points_early_in_the_flow_let_more_pass() -> None:
    """Or nobody would come to the later ones."""
    picked = sorted(chosen(_found("psa", 3), 0), key=lambda one: one[0].place)
    assert [2, 1, 0] == [skip for _, skip in picked]


def test_rounds_differ_by_their_mark_alone() -> None:
    """In contracts, customers' numbers, their tax ids and addresses; what only looks like a mark stays."""
    assert {7} == marks(contract_number(7, "R1"))
    assert {3, 12} == marks("K03A for C51201")
    text = "P-DE01-K07R1, C50703, DE970703000, rechnung@k07w1.example"
    assert unmarked(text.replace("07", "11")) == unmarked(text)
    kept = "CK07R1 K7A C5 DE98 INV-DE01-C50777A2F65B INV-DE01-DE9707031A2F"  # the last two end in digests
    assert kept == unmarked(kept)


def test_a_round_has_a_run_for_each_matter() -> None:
    """What is credited was released in a run of its own."""
    assert (9 + 1, 19 + 3) == (FEW.runs, MANY.runs)


def test_a_round_is_what_came_and_went() -> None:
    """What stood before is nobody's doing."""
    before = {"invoices": Counter({"a open": 1, "b": 1})}
    found = between(before, {"invoices": Counter({"a paid": 1, "b": 1}), "marks": Counter({"m": 2})})
    assert {"invoices": Counter({"a paid": 1}), "marks": Counter({"m": 2})} == found.came
    assert {"invoices": Counter({"a open": 1}), "marks": Counter()} == found.went


def test_rounds_are_compared_record_by_record() -> None:
    """What is missing is lost, what is too much is doubled, and what is both is not as it was."""
    undisturbed = between({}, {"invoices": Counter({"a": 1, "b": 1}), "marks": Counter({"m": 1}), "runs": Counter(r=1)})
    struck = between({}, {"invoices": Counter({"a": 1}), "marks": Counter({"m": 2}), "runs": Counter(s=1)})
    found = compared(undisturbed, struck)
    assert (("invoices: b",), ("marks: m",), ("runs: s, not r",)) == (found.lost, found.doubled, found.diverged)
    assert not compared(undisturbed, undisturbed)


def test_what_should_have_gone_and_stands_is_told() -> None:
    """And what went though it should have stayed."""
    before = {"invoices": Counter({"a open": 1, "b open": 1})}
    undisturbed, struck = between(before, {"invoices": Counter({"b open": 1})}), between(before, before)
    assert ("invoices: still a open",) == compared(undisturbed, struck).diverged
    assert ("invoices: gone is a open",) == compared(struck, undisturbed).diverged


def test_of_two_long_rows_the_difference_is_told() -> None:
    """Not the hundred columns that are alike."""
    lines = told(Differences(diverged=("run: " + "x" * 200 + "posted, not " + "x" * 200 + "stuck",)))
    assert [f"  diverged: run: ...{'x' * 80}posted... instead of ...stuck..."] == lines


def _row(strike: str, points: tuple[str, ...] = (), **counts: int) -> Row:
    ended = {"lost": 0, "doubled": 0, "diverged": 0} | counts
    return Row(
        strike=strike,
        seed=3,
        does="",
        points=points,
        parked=1,
        missed=False,
        takeover_s=1.0,
        stuck=(),
        in_doubt=(),
        healed={},
        seconds=1.0,
        replay=replay(strike, 3),
        **ended,
    )


def test_a_strike_that_met_nobody_proves_nothing() -> None:
    """However well its round ended; and a case that was not played is named."""
    missed = msgspec.structs.replace(_row("kill-edge"), missed=True)
    made = report([missed], [], (), 19, Machine(seconds=1, load=1), [replay("throttle", 7)])
    assert (1, ('make faults FAULT="throttle --seed 7"',)) == (made.failed, made.unplayed)


def test_the_report_counts_records_and_points() -> None:
    """A case fails by any difference; a point that nobody came to is named."""
    points = [one.point for one in _found("psa", 2)]
    rows = [_row("kill-edge", ("psa POST /0 before",)), _row("kill-postgres", lost=2, doubled=1)]
    made = report(rows, points, ("psa create_project: marker_search",), 19, Machine(seconds=60.04, load=1.5))
    assert (2, 1, 2, 1, 0) == (made.cases, made.failed, made.lost, made.doubled, made.diverged)
    assert (2, 1, ("psa POST /1 before",), 60.0) == (
        made.points_found,
        made.points_struck,
        made.unstruck,
        made.seconds,
    )
    assert 'make faults FAULT="kill-edge --seed 3"' == made.rows[0].replay
