"""The demo firm as its Kantata account holds it on the morning of the day: people, roles, prices, one old project.

Kinds and fields: system_apis/psa/kantata/sandbox. Ids are deterministic, so that a second seeding changes nothing.
"""

from datetime import date
from typing import Any

from demo.firm import Colleague, Deal, Firm, RolePlan
from demo.work import UNPRICED_ROLE

INTEGRATION_USER_ID = "1"
LEGAL_ENTITY_FIELD_ID = "1"
ACCEPTANCE_FIELD_ID = "2"
ACCEPTOR_FIELD_ID = "3"
# Kantata was filled by hand before HR's numbers were brought in: these two are known by e-mail and name only.
WITHOUT_NUMBER = ("W1005", "W1017")
# Customers that have a group already, besides those of the history: found by name, then linked.
_KNOWN_CLIENTS = ("C2001", "C2005")
_MINOR_UNITS = 100  # of euro, dollar and pound
# What an hour of a role costs, in whole units of the currency: the firm's own prices, and what two clients agreed to.
_PRICES = {
    "EUR": {"Consultant": 145, "Engineer": 145, "Manager": 190, "Senior Consultant": 160, "Senior Engineer": 175},
    "USD": {"Consultant": 150, "Engineer": 240, "Manager": 260, "Senior Consultant": 120, "Senior Engineer": 240},
    "GBP": {"Consultant": 130, "Engineer": 120, "Manager": 120, "Senior Consultant": 150, "Senior Engineer": 170},
}
_AGREED = {"C2005": ("USD", {"Engineer": 225}), "C2009": ("GBP", {"Engineer": 160})}
_CATEGORIES = ("Accommodation", "Meals", "Travel")

Rows = dict[str, list[dict[str, Any]]]


def records(firm: Firm) -> Rows:
    """What `POST /_sandbox/records/{kind}` takes, by kind."""
    account = _Account(firm)
    account.describe()
    return account.rows


def project_number(deal: Deal) -> str:
    """The number under which a deal of the past has its project in every system."""
    return f"P-{deal.entity}-{deal.key}"


class _Account:
    """Collects the records; each has the day on which it was entered."""

    def __init__(self, firm: Firm) -> None:
        self.rows: Rows = {}
        self._firm = firm
        self._people = [colleague for colleague in firm.colleagues if colleague.in_psa]

    def describe(self) -> None:
        self._fields()
        self._roles()
        self._users()
        self._skills()
        self._clients()
        self._prices()
        for n, name in enumerate(_CATEGORIES, start=1):
            self._put("expense_categories", str(n), name=name)
        for place, deal in enumerate(self._firm.history):
            self._project(deal, place)

    def _put(self, kind: str, record_id: str, day: date | None = None, **body: Any) -> str:
        stamp = f"{day or self._firm.today.replace(month=1, day=1)}T08:00:00+00:00"
        whole = {"id": record_id, "created_at": stamp, "updated_at": stamp, **body}
        self.rows.setdefault(kind, []).append({"id": record_id, "body": whole})
        return record_id

    def _refer(self, subject_type: str, subject_id: str, service_name: str, model: str, ref: str) -> None:
        self._put(
            "external_references",
            str(7_000 + len(self.rows.get("external_references", ()))),
            subject_type=subject_type,
            subject_id=subject_id,
            service_name=service_name,
            service_model=model,
            service_model_ref=ref,
            status="successful",
            last_synced_at=f"{self._firm.today.replace(month=1, day=1)}T08:00:00+00:00",
        )

    def _fields(self) -> None:
        self._put(
            "custom_fields", LEGAL_ENTITY_FIELD_ID, name="Legal entity", subject_type="Workspace", value_type="string"
        )
        self._put("custom_fields", ACCEPTANCE_FIELD_ID, name="Accepted on", subject_type="Story", value_type="date")
        self._put("custom_fields", ACCEPTOR_FIELD_ID, name="Accepted by", subject_type="Story", value_type="string")

    def _roles(self) -> None:
        deals = (*self._firm.history, *self._firm.deals)
        names = {colleague.job_profile for colleague in self._firm.colleagues}
        names |= {role.role for deal in deals for role in deal.roles} | {UNPRICED_ROLE}
        self._role_ids = {name: self._put("roles", str(500 + n), name=name) for n, name in enumerate(sorted(names))}

    def _users(self) -> None:
        self._put(
            "users",
            INTEGRATION_USER_ID,
            full_name="Syncline Integration",
            email_address=f"syncline@{self._firm.domain}",
            disabled=False,
            role_id=None,
            manager_id=None,
        )
        for colleague in self._people:
            user_id = self._put(
                "users",
                _user_id(colleague),
                colleague.hire_date,
                full_name=f"{colleague.first_name} {colleague.last_name}",
                email_address=colleague.email,
                headline=colleague.job_profile,
                disabled=False,
                role_id=self._role_ids[colleague.job_profile],
                manager_id=self._manager_id(colleague),
            )
            membership = f"8{user_id}"
            self._put("account_memberships", membership, user_id=user_id, permission="Collaborator", disabled_at=None)
            if colleague.number not in WITHOUT_NUMBER:
                self._refer("User", user_id, "hr", "Worker", colleague.number)

    def _manager_id(self, colleague: Colleague) -> str | None:
        """The heads of the offices, who have no manager, approve each other's time."""
        heads = [person for person in self._people if person.manager_number is None]
        if colleague in heads:
            return _user_id(heads[heads.index(colleague) - 1])
        found = (person for person in self._people if person.number == colleague.manager_number)
        return next((_user_id(person) for person in found), None)

    def _skills(self) -> None:
        names = sorted({skill for colleague in self._people for skill in colleague.skills})
        ids = {
            name: self._put("skills", str(600 + n), name=name, description="", max_level=5)
            for n, name in enumerate(names)
        }
        for colleague in self._people:
            for place, skill in enumerate(colleague.skills):
                self._put(
                    "skill_memberships",
                    f"{_user_id(colleague)}{place}",
                    skill_id=ids[skill],
                    user_id=_user_id(colleague),
                    level=4 - place,
                )

    def _clients(self) -> None:
        numbers = (*_KNOWN_CLIENTS, *(deal.client for deal in self._firm.history))
        self._group_ids = {
            number: self._put("workspace_groups", number.lstrip("C"), name=self._firm.client(number).name, company=True)
            for number in numbers
        }

    def _prices(self) -> None:
        """A set of rate cards for every project, and one for each client who agreed to other prices."""
        standard = self._put("rate_card_sets", "1", title="Northwind standard", account_default=True)
        self._card_ids: dict[str, str] = {}
        for currency, prices in _PRICES.items():
            self._card(standard, currency, prices)
        for client, (currency, agreed) in _AGREED.items():
            title, group = self._firm.client(client).name, self._group_ids[client]
            own = self._put("rate_card_sets", group, title=title, account_default=False, workspace_group_ids=[group])
            self._card_ids[client] = self._card(own, currency, _PRICES[currency] | agreed)

    def _card(self, card_set: str, currency: str, prices: dict[str, int]) -> str:
        """One version of it, in effect since the year before."""
        key = str(100 + len(self.rows.get("rate_cards", ())))
        first = date(self._firm.today.year - 1, 1, 1).isoformat()
        self._put("rate_cards", key, rate_card_set_id=card_set, currency=currency)
        if card_set not in {row["id"] for row in self.rows.get("rate_card_set_versions", ())}:
            self._put("rate_card_set_versions", card_set, rate_card_set_id=card_set, effective_date=first, active=True)
        self._put("rate_card_versions", key, rate_card_id=key, rate_card_set_version_id=card_set, default_rate=None)
        for n, (role, price) in enumerate(sorted(prices.items())):
            self._put(
                "rate_card_roles",
                f"{key}{n}",
                rate_card_version_id=key,
                role_id=self._role_ids[role],
                rate=price * _MINOR_UNITS,
            )
        return key

    def _project(self, deal: Deal, place: int) -> None:
        """A running project that people set up: only its title, its contract number and its client say what it is."""
        workspace_id = self._put(
            "workspaces",
            str(3_001 + place),
            deal.start_date,
            title=f"{project_number(deal)} {deal.name}",
            stage="project",
            archived=False,
            currency=deal.currency,
            rate_card_id=self._card_ids.get(deal.client),
            budgeted=True,
            price_in_cents=int(deal.amount * _MINOR_UNITS),
            start_date=deal.start_date.isoformat(),
            due_date=deal.end_date.isoformat(),
            workspace_group_ids=[self._group_ids[deal.client]],
            primary_workspace_group_id=self._group_ids[deal.client],
        )
        self._refer("Workspace", workspace_id, "contract-number", "Contract", deal.key)
        self._put(
            "custom_field_values",
            str(9_101 + place),
            subject_type="Workspace",
            subject_id=workspace_id,
            custom_field_id=LEGAL_ENTITY_FIELD_ID,
            value=deal.entity,
            display_value=deal.entity,
        )
        self._team(deal, workspace_id)

    def _team(self, deal: Deal, workspace_id: str) -> None:
        """For each role the first colleague of the entity with its skills, allocated firmly, and a task to work on."""
        self._put("participations", f"{workspace_id}0", workspace_id=workspace_id, user_id=INTEGRATION_USER_ID)
        for n, role in enumerate(deal.roles, start=1):
            person = next(
                one for one in self._people if one.entity == deal.entity and set(role.skills) <= set(one.skills)
            )
            user_id, key = _user_id(person), f"{workspace_id}{n}"
            self._put(
                "participations", key, workspace_id=workspace_id, user_id=user_id, access="edit_time_and_expenses"
            )
            resource_id = self._put(
                "workspace_resources",
                key,
                workspace_id=workspace_id,
                user_id=user_id,
                role_id=self._role_ids[role.role],
            )
            self._put(
                "workspace_allocations",
                key,
                workspace_id=workspace_id,
                workspace_resource_id=resource_id,
                start_date=deal.start_date.isoformat(),
                end_date=deal.end_date.isoformat(),
                minutes=role.hours * 60,
                hard=True,
                notes="",
            )
            self._task(deal, role, workspace_id, key)

    def _task(self, deal: Deal, role: RolePlan, workspace_id: str, key: str) -> None:
        self._put(
            "stories",
            key,
            workspace_id=workspace_id,
            title=f"{role.role}: {deal.name}",
            story_type="task",
            state="started",
            billable=True,
            archived=False,
            start_date=deal.start_date.isoformat(),
            due_date=deal.end_date.isoformat(),
        )


def user_ids(firm: Firm) -> tuple[str, ...]:
    """The users who are people."""
    return tuple(_user_id(colleague) for colleague in firm.colleagues if colleague.in_psa)


def _user_id(colleague: Colleague) -> str:
    """Worker W1005 is user 1005."""
    return colleague.number.lstrip("W")
