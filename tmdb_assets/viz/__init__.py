"""The Streamlit app of `tmdb-assets viz` (optional extra `viz`). It reads as `tmdb_reader` and writes nothing.

Several modules instead of one script, so that reading is tested without Streamlit, which runs `app.py`. A picture that
none of the composed pages shows gets a page automatically.
"""
