"""Links from one page to another, with what they name in the address, and with the filters, which stay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

_PAGES: dict[str, Any] = {}


def register(pages: Mapping[str, Any]) -> None:
    """Remember the pages of the navigation by their paths."""
    _PAGES.update(pages)


def link(path: str, label: str, **named: object) -> None:
    """A link to a page; only its label where the page is shown without the app."""
    text = label.replace("[", "\\[").replace("]", "\\]")
    if path in _PAGES:
        st.page_link(_PAGES[path], label=text, query_params={name: str(value) for name, value in named.items()})
    else:
        st.text(label)


def go(path: str, **named: object) -> None:
    """Open a page."""
    if path in _PAGES:
        st.switch_page(_PAGES[path], query_params={name: str(value) for name, value in named.items()})


def named_id(name: str) -> int | None:
    """The id that the address gives for a film or person."""
    given = str(st.query_params.get(name, ""))
    return int(given) if given.isascii() and given.isdigit() and len(given) < 19 else None
