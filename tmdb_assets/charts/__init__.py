"""The charts: pure functions from the frame of a view to an Altair chart, and from a chart to a picture.

This room knows neither Dagster nor Postgres: `warehouse.read_pictures` reads the frames. `registry`, `picture`,
`side_tables` and `labels` are cheap to import; the other modules import Altair, so import them only where a chart is
drawn.

registry.py, picture.py
    Every picture declared once, and which of them share an asset.
side_tables.py
    The table beside a picture.
values.py
    A frame as it comes from Postgres (Decimal, NaN, pd.NA, any script) to plain rows.
labels.py
    Titles cut to a width, numbers as text.
theme.py
    What all charts share: size, colours, title, snapshot date, attribution, sample mark, "no data yet".
bars.py
    Labelled horizontal bars with columns of text beside them, the shape of three of the charts.
axes.py
    Round values from zero and their lines across a plot.
notice.py
    Words in place of figures.
figures.py
    The charts of the newest day: `key_figures`, `genre_popularity`, `top_films`, `continent_popularity`.
lines.py
    Lines over days with direct labels, the shape of popularity over time.
trends.py
    The charts over time: `popularity_over_time`, `genre_shares`, `movers_of_the_week`.
catalogue.py
    What the films are: `original_languages`, `production_countries`, `release_calendar`.
histograms.py
    How they spread: `rating_distribution`, `runtime_distribution`.
money.py
    `budget_and_revenue`.
render.py
    `to_png` and `to_markdown`, for a Dagster page.
"""
