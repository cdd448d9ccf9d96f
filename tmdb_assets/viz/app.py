"""The script that Streamlit runs for every look at a page: the navigation, and the page that was chosen."""

import streamlit as st

from tmdb_assets.pictures import PICTURES
from tmdb_assets.viz import pages

# Not one of Streamlit's own: a browser would ask a host of fonts for it.
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#0072B2"/>'
    '<path d="M6 4v8l6-4z" fill="#fff"/></svg>'
)

st.set_page_config(page_title="tmdb-assets", page_icon=ICON, layout="centered")
main = [
    st.Page(pages.key_figures, title="Key figures", icon=":material/speed:", default=True),
    st.Page(pages.genres, title="Genres", icon=":material/theater_comedy:"),
    st.Page(pages.top_films, title="Top films", icon=":material/trophy:"),
    st.Page(pages.continents, title="Continents", icon=":material/public:"),
    st.Page(pages.trends, title="Trends", icon=":material/trending_up:"),
]
more = [
    st.Page(page, title=PICTURES[name].title, icon=":material/bar_chart:", url_path=name)
    for name, page in pages.more_pages().items()
]
st.navigation({"": main, "More pictures": more} if more else main).run()
