"""HTML from Python, escaped unless it is markup already: small enough to need no template language."""

from collections.abc import Iterable, Mapping
from html import escape

_VOID = frozenset({"input", "br", "hr", "meta", "link"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Child = str | Iterable["Child"] | None
Attribute = str | bool | int | None


def tag(name: str, /, *children: Child, **attributes: Attribute) -> Markup:
    """An element. A trailing underscore keeps an attribute's name from being a Python word; others become hyphens."""
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{join(children)}</{name}>")


def join(children: Child) -> Markup:
    """One after the other; nothing for None."""
    if children is None:
        return Markup("")
    if isinstance(children, Markup):
        return children
    if isinstance(children, str):
        return Markup(escape(children))
    return Markup("".join(join(child) for child in children))


def link(text: Child, href: str, **attributes: Attribute) -> Markup:
    """A hyperlink."""
    return tag("a", text, href=href, **attributes)


def code(text: str) -> Markup:
    """A word of a language that machines read."""
    return tag("code", text)


def facts(entries: Mapping[str, Child]) -> Markup:
    """Names with their values; what is empty is left out."""
    rows = ((tag("dt", name), tag("dd", value)) for name, value in entries.items() if value)
    return tag("dl", *rows, class_="facts")


def table(caption: str, heads: Iterable[str], rows: Iterable[Iterable[Child]]) -> Markup:
    """A table whose first column names the row."""
    body = [
        tag("tr", [tag("th", cell, scope="row") if place == 0 else tag("td", cell) for place, cell in enumerate(row)])
        for row in rows
    ]
    if not body:
        return Markup("")
    head = tag("thead", tag("tr", [tag("th", text, scope="col") for text in heads]))
    whole = tag("table", tag("caption", caption), head, tag("tbody", body))
    return tag("div", whole, class_="scroll", tabindex=0, role="region", aria_label=caption)


def page(title: str, *content: Child, navigation: bool = True) -> bytes:
    """A whole document. It loads one style sheet from the same origin and no script."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{title} · Syncline"),
        tag("link", rel="stylesheet", href="/docs/assets/portal.css"),
    )
    places = (("APIs", "/docs"), ("Events", "/docs/events"), ("Problems", "/docs/problems"))
    menu = tag("nav", tag("ul", [tag("li", link(text, href)) for text, href in places]), aria_label="Documentation")
    body = tag(
        "body",
        link("Skip to the content", "#content", class_="skip"),
        tag("header", link("Syncline", "/docs", class_="brand"), menu if navigation else None),
        tag("main", tag("h1", title), *content, id="content"),
    )
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n".encode()


def _attribute(key: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'
