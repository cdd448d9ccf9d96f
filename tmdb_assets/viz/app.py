"""The script that Streamlit runs whenever a page is shown: the navigation, the filters and the chosen page."""

import streamlit as st

from tmdb_assets.language import tr
from tmdb_assets.viz.address import remember
from tmdb_assets.viz.filters import show_filters
from tmdb_assets.viz.languages import choose_language, show_languages
from tmdb_assets.viz.navigation import register, show_navigation
from tmdb_assets.viz.pages import GROUPS, PAGES

# Not one of Streamlit's own icons: the browser would load it from a font host.
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#0072B2"/>'
    '<path d="M6 4v8l6-4z" fill="#fff"/></svg>'
)

choose_language()
st.set_page_config(page_title="tmdb-assets", page_icon=ICON, layout="wide")
shown = {
    page.path: st.Page(page.show, title=tr(page.title), icon=page.icon, url_path=page.path, default=page is PAGES[0])
    for page in PAGES
}
register(shown)
remember(name for page in PAGES for name in page.names)
# On a phone the sidebar covers the page, and only Streamlit's own navigation closes it; its links carry no choices.
is_phone = "Mobi" in st.context.headers.get("User-Agent", "")
chosen = st.navigation(
    {tr(group): [shown[page.path] for page in pages] for group, pages in GROUPS.items()},
    position="sidebar" if is_phone else "hidden",
    expanded=True,
)
if not is_phone:
    show_navigation({group: [(page.path, page.names) for page in pages] for group, pages in GROUPS.items()})
show_filters()
show_languages()
chosen.run()
