"""The forty people of the demo firm."""

from datetime import date, timedelta
from decimal import Decimal

from demo.firm import Absence, Colleague

_NAMES = (
    "Ada Brandt, Ben Vogel, Clara Weiss, David Lang, Elif Kaya, Felix Arndt, "
    "Greta Simon, Hannes Roth, Ines Wolf, Jonas Kern, Katrin Beck, Lukas Frey, "
    "Mila Horn, Nils Otto, Olga Sauer, Paul Adams, Quinn Baker, Rosa Carter, "
    "Sam Dixon, Tara Evans, Uma Fisher, Victor Grant, Wendy Hayes, Xavier Irwin, "
    "Yara Jones, Zane Keller, Amy Lopez, Bob Mason, Cora Nash, Dan Ortiz, "
    "Emma Price, Finn Quill, Gail Reed, Hugh Stone, Iris Tate, Jack Usher, "
    "Kate Vance, Liam Ward, Maya York, Noel Zeal"
)
_SKILLS = ("python", "data-engineering", "change-management", "erp-finance", "cloud-architecture", "project-management")
_ROLES = ("Consultant", "Senior Consultant", "Engineer", "Senior Engineer", "Manager")
# Entity, cost centres, currency, how many of the forty, first hourly cost rate.
_OFFICES = (
    ("DE01", ("CC-D10", "CC-D20"), "EUR", 15, Decimal("58.00")),
    ("US01", ("CC-U10", "CC-U20"), "USD", 13, Decimal("72.00")),
    ("GB01", ("CC-G10", "CC-G20"), "GBP", 12, Decimal("54.00")),
)
_IN_PSA = 31  # of the forty; the rest are HR records only
_IN_IDENTITY = 35


def colleagues(today: date) -> tuple[Colleague, ...]:
    """Fifteen in Germany, thirteen in the United States, twelve in the United Kingdom; two start next month."""
    people: list[Colleague] = []
    names = iter(_NAMES.split(", "))
    for entity, cost_centres, currency, count, base_rate in _OFFICES:
        for place in range(count):
            n = len(people)
            first, last = next(names).split(" ")
            people.append(
                Colleague(
                    number=f"W{1001 + n}",
                    first_name=first,
                    last_name=last,
                    email=f"{first}.{last}@northwind-advisory.example".lower(),
                    entity=entity,
                    cost_centre=cost_centres[place % 2],
                    job_profile=_ROLES[place % 5],
                    grade=f"G{place % 4 + 3}",
                    kind="contractor" if place % 8 == 7 else "employee",
                    hire_date=_hire_date(today, place, last_place=place == count - 1 and entity != "GB01"),
                    weekly_hours=20 if place % 6 == 5 else 40,
                    skills=(_SKILLS[place % 6], _SKILLS[(place + 2) % 6]),
                    cost_rate=base_rate + Decimal(place % 5) * 9,
                    currency=currency,
                    manager_number=None if place == 0 else f"W{1001 + n - place}",
                    absences=_absences(today, place),
                    in_psa=place % 4 != 3 or n >= 40 - (_IN_PSA - 30),
                    in_identity=n % 8 != 7,
                )
            )
    return tuple(people)


def _hire_date(today: date, place: int, *, last_place: bool) -> date:
    if last_place:
        return today + timedelta(days=30)
    return date(2018 + place % 7, 1 + place % 12, 1)


def _absences(today: date, place: int) -> tuple[Absence, ...]:
    if place % 5 == 2:
        return (Absence(from_date=today + timedelta(days=20), to_date=today + timedelta(days=30), affects="capacity"),)
    if place % 13 == 4:
        return (
            Absence(from_date=today - timedelta(days=10), to_date=today + timedelta(days=200), affects="eligibility"),
        )
    return ()
