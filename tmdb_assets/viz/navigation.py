"""The navigation, and links from page to page, with what they name in the address, and the filters, which stay."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from tmdb_assets.language import tr
from tmdb_assets.viz.address import remembered

_PAGES: dict[str, Any] = {}


def register(pages: Mapping[str, Any]) -> None:
    """Remember the pages of the navigation by their paths."""
    _PAGES.update(pages)


def show_navigation(groups: Mapping[str, Sequence[tuple[str, Sequence[str]]]]) -> None:
    """Links to the pages in the sidebar, by group: the path of each, and the names in the address that are its own.

    Streamlit's own navigation would forget what a page had in its address.
    """
    for group, paths in groups.items():
        with st.sidebar.container(gap="xxsmall"):
            st.caption(f"**{tr(group)}**")
            for path, names in paths:
                st.page_link(_PAGES[path], query_params=remembered(names))


def plain_markdown(text: str) -> str:
    """Text of others for Markdown: nothing in it is markup."""
    return re.sub(r"([\\`*_\[\]<>!#&~|$:{}()-])", r"\\\1", text)


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
