"""CommonMark, the language of descriptions in contracts (OpenAPI 3.1 section 4.6), as HTML."""

from markdown_it import MarkdownIt

from gateway.markup import Markup

# `html` off: a contract may not bring elements or scripts; the library itself refuses links of dangerous schemes.
_READER = MarkdownIt("commonmark", {"html": False}).enable("table")


def prose(text: object) -> Markup:
    """Paragraphs, lists, tables; nothing for nothing."""
    return Markup(_READER.render(str(text)).strip()) if text else Markup("")


def phrase(text: object) -> Markup:
    """The same without a paragraph around it, for a table's cell."""
    return Markup(_READER.renderInline(str(text))) if text else Markup("")
