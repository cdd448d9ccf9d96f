"""The dashboard: one self-contained HTML page, built from frames. No Dagster or SQLAlchemy here.

- `figures.py`: from the frames to the page's data
- `history.py`: popularity by film and day, compressed
- `colours.py`: the charts' colours, for a light and a dark page
- `build.py`: data, script and style combined into one page
- `page/`: what the browser runs
"""
