"""Tables of the pages of quality, as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from tmdb_assets.language import tr

TEXT, TEXTS = ' class="text"', {"rule", "examples", "against the 30 days before"}


def table(caption: str, header: Sequence[str], body: str) -> str:
    """A table; the header is marked text, and columns of text are aligned to the left."""
    head = "".join(
        f'<th scope="col"{TEXT if name in TEXTS or not place else ""}>{escape(tr(name))}</th>' if name else "<td></td>"
        for place, name in enumerate(header)
    )
    return scrolling(caption, f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>")


def scrolling(caption: str, content: str) -> str:
    """A table that scrolls sideways where it is wider than the page, also by keyboard."""
    name = escape(caption)
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{name}">'
        f'<table><caption class="unseen">{name}</caption>{content}</table></div>'
    )
