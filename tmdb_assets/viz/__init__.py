"""The Streamlit app: `tmdb-assets viz` (optional extra `viz`). It reads as `tmdb_reader` and writes nothing.

A room rather than one file, so that what can be tested without Streamlit knows nothing of it.

command.py
    The command: what is missing, which options Streamlit gets, the server in this process.
reader.py
    Read-only transactions as `tmdb_reader`, the edition of the figures, and what to say when they cannot be read.
figures.py
    The figures and charts of the newest edition, cached until the next one.
layout.py
    What every page has: sample mark, attribution, charts that fit a phone, notices in place of error traces.
queries.py
    What the pages read beside the pictures.
pages.py
    `PAGES`: the composed ones, and one for every picture of `tmdb_assets.charts.registry` that has no place on those.
app.py
    The script that Streamlit runs: the navigation.
"""
