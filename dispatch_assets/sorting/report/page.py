"""One HTML file that needs nothing else: pictures, style and script stand in it.

Every text goes through Jinja's escaping, and the page's own policy lets a browser run nothing but
the script below, whatever names of sessions or units say.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from dispatch_assets.sorting.report.canvas import MISSING

_HERE = Path(__file__).parent


def render(content: Mapping[str, Any]) -> str:
    """Return the page that shows `content`, the variables of ``report.html.j2``.

    Raises
    ------
    jinja2.UndefinedError
        If something is missing in `content`.
    """
    own = {kind: _own(f"report.{kind}") for kind in ("html.j2", "css", "js")}
    css = own["css"] + _colours(content["labels"])
    return self_contained(own["html.j2"], css, own["js"], content)


def self_contained(template: str, css: str, js: str, content: Mapping[str, Any]) -> str:
    """Return a page that needs nothing else.

    Parameters
    ----------
    template
        A Jinja template; besides `content`, it has the variables ``policy``, ``css`` and ``js``.
    css, js
        The page's style and script; both are trusted, and nothing else is.
    content
        Values of the template's variables, which are escaped.

    Raises
    ------
    jinja2.UndefinedError
        If something is missing in `content`.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"plain": _plain, "words": lambda name: str(name).replace("_", " ")}
    policy = (
        f"default-src 'none'; img-src data:; style-src {_hash(css)}; script-src {_hash(js)}; "
        "base-uri 'none'; form-action 'none'"
    )
    trusted = {"css": Markup(css), "js": Markup(js)}  # noqa: S704 - files of this package
    page = environment.from_string(template)
    return page.render({**content, "policy": policy, **trusted})


def _own(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _colours(labels: list[dict[str, Any]]) -> str:
    """Return the rules that colour the marks of labels."""
    return "".join(f".mark-{x['number']} {{ color: {x['colour']}; }}\n" for x in labels)


def _hash(text: str) -> str:
    """Return how a content security policy names a text: https://www.w3.org/TR/CSP3/."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _plain(value: str | int | float | bool | None) -> str:
    """Return a fact for people."""
    if value is None or isinstance(value, bool):
        return {None: MISSING, True: "yes", False: "no"}[value]
    if isinstance(value, float):
        return f"{value:,.6g}"
    return f"{value:,}" if isinstance(value, int) else value
