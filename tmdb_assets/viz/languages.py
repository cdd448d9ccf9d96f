"""The language of the app: the one that the reader chose, which stands in the address, else `REPORT_LANGUAGE`."""

from __future__ import annotations

import streamlit as st

from tmdb_assets.language import LANGUAGES, Language, choose, language, tr
from tmdb_assets.settings import get_settings

KEY = "lang"


def choose_language() -> None:
    """Make the texts of this run of the script in the reader's language."""
    given = st.session_state.get(KEY, st.query_params.get(KEY))
    choose(next((each for each in LANGUAGES if given == each), get_settings().report_language))


def show_languages() -> None:
    """The choice of the language, in the sidebar; the address names one that is not the usual one."""
    usual: Language = get_settings().report_language
    others = [each for each in LANGUAGES if each != usual]
    # The address holds what is shown, so that is the code.
    st.sidebar.selectbox(tr("Language"), [usual, *others], key=KEY, bind="query-params")


def days_format() -> str | None:
    """The format of a column of dates."""
    return None if language() == "en" else "DD/MM/YYYY"
