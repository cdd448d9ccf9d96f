"""The dashboard: one HTML page with everything inside, made of frames; it imports neither dagster nor sqlalchemy.

- `figures.py`: the frames it is made of, as the page's data
- `history.py`: popularity by film and day, in few bytes
- `colours.py`: the charts' colours, for a light and a dark page
- `build.py`: data, script and style put into one page
- `page/`: what the browser runs (decision 9)
"""
