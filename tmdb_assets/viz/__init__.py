"""The Streamlit app: `tmdb-assets viz` (optional extra `viz`). It reads as `tmdb_reader` and writes nothing.

Several modules instead of one file, so that reading can be tested without Streamlit. The command is `cli/viz.py`.

reader.py
    Read-only transactions as `tmdb_reader`, the edition of the figures, and what to show when they cannot be read.
figures.py
    The figures and charts of the newest edition, cached until the next one.
layout.py
    What every page has: sample mark, attribution, charts that fit a phone, notices in place of error traces.
queries.py
    The pages' queries besides those of the pictures.
pages.py
    `PAGES`: the composed ones, and one for every picture in `tmdb_assets.charts.registry` that is on none of them.
app.py
    The script that Streamlit runs: the navigation.
"""
