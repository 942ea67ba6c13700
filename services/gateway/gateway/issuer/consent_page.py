"""The page on which a person signs in and agrees, or not, and the one that says why that cannot be."""

from urllib.parse import urlsplit

from gateway.issuer.authlib_server import IDENTITY_SCOPES, SignedIn
from gateway.markup import Child, Markup, code, page, tag
from gateway.settings import ClientSettings

FORBIDDEN = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"


def consent_page(
    client: ClientSettings,
    *,
    scope: str,
    query: str,
    csrf: str,
    signed_in: SignedIn | None,
    alert: str = "",
    username: str = "",
) -> bytes:
    """One form: who you are (unless that is known), what is asked for, and a choice."""
    asked = [name for name in (scope or " ".join(client.scopes)).split() if name not in IDENTITY_SCOPES]
    form = tag(
        "form",
        tag("p", alert, class_="alert", role="alert") if alert else None,
        _who(signed_in, username),
        tag("input", type="hidden", name="request", value=query),
        tag("input", type="hidden", name="csrf", value=csrf),
        _choice(signed_in),
        method="post",
        action="/oauth/authorize",
        class_="panel",
    )
    return page(
        "Sign in" if signed_in is None else "Allow access",
        tag("p", tag("strong", client.name), " asks to act for you."),
        form,
        _scopes(asked),
        navigation=False,
    )


def refusal_page(reason: str) -> bytes:
    """For a request that cannot be sent back, because nobody knows whose it is."""
    return page(
        "This sign-in cannot go on",
        tag("p", reason, class_="alert", role="alert"),
        tag("p", "The application that sent you here made a mistake. Please tell the people who run it."),
        navigation=False,
    )


def signed_out_page() -> bytes:
    """After signing out, when no application asked to have the person back."""
    return page(
        "Signed out",
        tag("p", "You are signed out. Access tokens that were issued end within minutes."),
        navigation=False,
    )


def policy(redirect_uri: str) -> str:
    """The page's content security policy: browsers hold a form's redirect against `form-action` as well."""
    target = urlsplit(redirect_uri)
    return f"{FORBIDDEN} {target.scheme}://{target.netloc}" if target.netloc else FORBIDDEN


def _choice(signed_in: SignedIn | None) -> Markup:
    return tag(
        "div",
        tag(
            "button",
            "Allow" if signed_in else "Sign in and allow",
            type="submit",
            name="decision",
            value="allow",
            class_="first",
        ),
        tag("button", "Cancel", type="submit", name="decision", value="deny", formnovalidate=True),
        class_="buttons",
    )


def _who(signed_in: SignedIn | None, username: str) -> Child:
    if signed_in:
        return tag("p", "You are signed in as ", tag("strong", signed_in.person.name), ".")
    return (
        tag("label", "User name", for_="username"),
        tag(
            "input",
            id="username",
            type="text",
            name="username",
            value=username,
            autocomplete="username",
            required=True,
            autofocus=not username,
        ),
        tag("label", "Password", for_="password"),
        tag(
            "input",
            id="password",
            type="password",
            name="password",
            autocomplete="current-password",
            required=True,
            autofocus=bool(username),
        ),
    )


def _scopes(asked: list[str]) -> Markup | None:
    if not asked:
        return None
    return tag(
        "details",
        tag("summary", f"What it asks for ({len(asked)})"),
        tag("ul", [tag("li", code(name)) for name in asked]),
        tag("p", "It gets no more than you may do yourself.", class_="quiet"),
    )
