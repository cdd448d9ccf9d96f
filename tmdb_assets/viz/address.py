"""What the address of the app names: ids and English names, so that a link means the same in each language.

Streamlit's own choices write what they show into the address. Here the address has a text of its own, a bound input
that is not shown, and the shown choice follows it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import streamlit as st

from tmdb_assets.language import LANGUAGES, use

T = TypeVar("T")
CHOSEN = "chosen_{}"
"""The key under which the session keeps the choice of a name in the address."""
_HIDDEN = "address_{}"
_HIDE = "<style>[class*='st-key-address_'] { display: none; }</style>"


def chosen(name: str) -> Any:
    """What is chosen for a name in the address; None before its choice was shown."""
    return st.session_state.get(CHOSEN.format(name))


def given(name: str) -> str:
    """What the address names; "" without. To be called before the choice is shown, once in a run."""
    with st.container(key=_HIDDEN.format(name)):
        st.html(_HIDE)
        text: str = st.text_input(name, key=name, bind="query-params", label_visibility="collapsed")
    return text


def keep(name: str, text: str) -> None:
    """Name something in the address from the next run on; "" names nothing. For callbacks of choices."""
    st.session_state[name] = text


def choose_named(
    label: str, options: Sequence[T], default: T | None, shown: Callable[[T], str], *, name: str
) -> T | None:
    """A choice that the address has by `str(option)`, and without one for `default`."""
    found = option_named(given(name), options, shown)
    key = CHOSEN.format(name)
    st.session_state[key] = default if found is None else found

    def changed() -> None:
        option = st.session_state[key]
        keep(name, "" if option == default else str(option))

    return st.selectbox(label, options, format_func=shown, key=key, on_change=changed)


def option_named(text: str, options: Sequence[T], shown: Callable[[T], str]) -> T | None:
    """The option that an address names, as it is written now or as any language shows it; None if it names none."""
    by_text = {str(option): option for option in options}
    if text and text not in by_text:
        for language in LANGUAGES:
            with use(language):
                by_text = {shown(option): option for option in options} | by_text
    return by_text.get(text)
