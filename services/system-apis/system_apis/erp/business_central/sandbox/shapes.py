"""The shapes that pages are described in: fields, navigations, entity sets."""

from dataclasses import dataclass, field

STANDARD = "v2.0"
PROJECTS = "syncline/projects/v1.0"
EMPTY_ID = "00000000-0000-0000-0000-000000000000"
EMPTY_DATE = "0001-01-01"
BLOCKED = (" ", "Ship", "Invoice", "All")
PROJECT_STATUS = ("Planning", "Quote", "Open", "Completed")
WRITABLE = frozenset({"insert", "modify", "delete"})


@dataclass(frozen=True)
class Field:
    """A field as the page shows it. `type`: guid, code, text, enum, date, moment, decimal, integer or boolean."""

    name: str
    type: str = "text"
    length: int = 0
    caption: str = ""
    editable: bool = True
    options: tuple[str, ...] = ()

    @property
    def empty(self) -> object:
        """What BC shows where nothing was entered."""
        blanks: dict[str, object] = {"guid": EMPTY_ID, "date": EMPTY_DATE, "decimal": 0, "integer": 0, "boolean": False}
        if self.type == "enum":
            return self.options[0]
        return blanks.get(self.type, "")


@dataclass(frozen=True)
class Navigation:
    """A way from a record to others: the records of `target` whose `theirs` equals this record's `ours`.

    A `part` belongs to its record and is reached, made and removed through it: lines, dimensions of a line.
    """

    target: str
    theirs: str
    ours: str
    many: bool
    part: bool = False


@dataclass(frozen=True)
class Entity:
    """An entity set. `kind` is where the store keeps its records: two pages may show one table."""

    set_name: str
    name: str
    caption: str
    fields: tuple[Field, ...]
    kind: str = ""
    api: str = STANDARD
    key: str = "code"  # the primary key of the table: unique in a company, and the default order
    may: frozenset[str] = frozenset()
    required: tuple[str, ...] = ()
    webhooks: bool = False
    navigations: dict[str, Navigation] = field(default_factory=dict)

    @property
    def store_kind(self) -> str:
        return self.kind or self.set_name

    def field(self, name: str) -> Field | None:
        return next((known for known in self.fields if known.name == name), None)


def id_field() -> Field:
    return Field("id", "guid", caption="Id", editable=False)


def modified_field() -> Field:
    return Field("lastModifiedDateTime", "moment", caption="Last Modified Date", editable=False)


def code_field(name: str = "code", length: int = 10, caption: str = "Code", *, editable: bool = True) -> Field:
    return Field(name, "code", length, caption, editable)


def text_field(name: str, length: int, caption: str, *, editable: bool = True) -> Field:
    return Field(name, "text", length, caption, editable)
