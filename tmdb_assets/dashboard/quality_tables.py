"""Tables of the pages of quality, as HTML. What comes from TMDb is untrusted: every text is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from tmdb_assets.dashboard.quality_rows import DayDetails
from tmdb_assets.language import localised, mark, tr, trn

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


def rejected(details: DayDetails, *, is_refused: bool) -> str:
    """Rejected rows by table and rule, with examples; the rules that broke most rows.

    `is_refused`: a whole load was, whose rows are not stored.
    """
    if not details.rejected:
        return f"<p>{escape(tr(_REFUSED) if is_refused else tr('No row was rejected.'))}</p>"
    body = "".join(
        f'<tr><th scope="row">{escape(table_name)}</th><td class="text">{escape(rule)}</td>'
        f'<td>{localised(f"{number:,}")}</td><td class="text">{escape("; ".join(examples))}</td></tr>'
        for table_name, rule, number, examples in details.rejected
    )
    made = table(
        tr("Rows that broke their contract"), (mark("table"), mark("rule"), mark("rows"), mark("examples")), body
    )
    others = details.broken_rules - len(details.rejected)
    if others > 0:
        made += f"<p>{escape(trn('and {number} more rule', 'and {number} more rules', others, number=others))}</p>"
    hint = escape(tr("To list them and, after a fix, to load them again:"))
    return made + f"<p class='hint'>{hint} <code>tmdb-assets rejected</code></p>"


_REFUSED = mark("A whole load was refused, and none of its rows is stored: see what was found.")
