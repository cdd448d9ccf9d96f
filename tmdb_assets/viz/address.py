"""What the address of the app names: ids and English names, so that a link means the same in each language.

Streamlit's own choices write what they show into the address. Here the shown choice follows the address. What applies
to all pages is a bound input that is not shown; what is of one page is in the address of that page only, is kept for
the session, and each choice of it is a step that the browser's Back takes back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

import streamlit as st

from tmdb_assets.language import LANGUAGES, tr, use

T = TypeVar("T")
CHOSEN = "chosen_{}"
"""The key under which the session keeps the choice of a name in the address."""
_KEPT = "kept_names"
_VIEW = "names_in_view"
_HIDDEN = "address_{}"
_HIDE = "<style>[data-testid='stLayoutWrapper']:has(> [class*='st-key-address_']) { display: none; }</style>"


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


def names_of(name: str) -> list[str]:
    """What the address of this page names; [] without."""
    return [text for text in st.query_params.get_all(name) if text]


def name_here(name: str, texts: Iterable[str]) -> None:
    """Name something in the address of this page."""
    given = list(texts)
    if given:
        st.query_params[name] = given
    else:
        st.query_params.pop(name, None)
        st.session_state.get(_KEPT, {}).pop(name, None)


def show_link_to(name: str, texts: Iterable[object]) -> None:
    """Tell the link to this view what a page shows, also what it shows without being told by the address."""
    st.session_state.setdefault(_VIEW, {})[name] = [str(text) for text in texts]


def remember(names: Iterable[str]) -> None:
    """Keep what the address names, for the links back to its page. To be called once in each run, before the page."""
    st.session_state[_VIEW] = {}
    kept: dict[str, list[str]] = st.session_state.setdefault(_KEPT, {})
    kept |= {name: found for name in names if (found := names_of(name))}


def remembered(names: Iterable[str]) -> list[tuple[str, list[str]]]:
    """What was named last by these names, for a link."""
    kept: Mapping[str, list[str]] = st.session_state.get(_KEPT, {})
    return [(name, kept[name]) for name in names if name in kept]


def whole_address() -> str:
    """The address of what is shown now. After the page's body, which may choose what the address does not name."""
    named = {name: st.query_params.get_all(name) for name in st.query_params} | st.session_state.get(_VIEW, {})
    query = urlencode({name: texts for name, texts in named.items() if texts}, doseq=True)
    page = (st.context.url or "").partition("?")[0]
    return f"{page}?{query}" if query else page


def choose_here(
    label: str, options: Sequence[T], shown: Callable[[T], str], *, name: str, default: T | None
) -> T | None:
    """A choice of this page, which its address has by `str(option)` once it is made, and until then is `default`."""
    named = names_of(name)
    key = CHOSEN.format(name)
    st.session_state[key] = option_named(named[-1], options, shown) if named else default

    def changed() -> None:
        option = st.session_state[key]
        name_here(name, [] if option is None else [str(option)])

    # Nothing is chosen when the address names what is not there.
    index = None if st.session_state[key] is None else 0
    option: T | None = st.selectbox(
        label, options, index=index, format_func=shown, key=key, on_change=changed, placeholder=tr("Choose one")
    )
    if option is not None:
        show_link_to(name, [option])
    return option


def say_unknown(texts: Iterable[str], advice: str) -> None:
    """Say that the address names what is not here, and what to do."""
    named = ", ".join(texts).replace("`", "")[:60]  # as code, nothing else in it is markup
    st.warning(f"{tr('The address names what is not known here:')} `{named}`. {advice}")
