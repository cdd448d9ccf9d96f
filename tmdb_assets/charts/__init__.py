"""Frames to pictures: pure functions from the frame of a query to an Altair chart, and from a chart to a PNG.

This room knows neither Dagster nor Postgres: `warehouse.read_pictures` reads the frames. `registry`, `picture`,
`side_tables`, `labels` and `apart` are cheap to import. The other modules import Altair, so import them only to draw a
chart.

What pictures there are
    registry.py      every picture, declared once, and the reports that share an asset
    picture.py       what a declaration holds
    side_tables.py   the table of a picture

One function per picture
    figures.py       `key_figures`, `top_films`, `genre_popularity`, `continent_popularity`
    trends.py        `popularity_over_time`, `movers_of_the_week`, `genre_shares`
    forecasts.py     `forecast_record`
    catalogue.py     `original_languages`, `production_countries`, `release_calendar`
    histograms.py    `rating_distribution`, `runtime_distribution`
    money.py         `budget_and_revenue`
    digest.py        the week in ten lines, made of the figures of pictures

What they are made of
    values.py        a frame as Postgres returns it (Decimal, NaN, pd.NA, any script) to plain rows
    labels.py        titles cut to a width, numbers as text, sentences made of them
    theme.py         size, colours, title, snapshot date, source, sample mark, notices
    bars.py          a table with a column of bars
    lines.py         lines over days
    direct_labels.py labels next to a plot
    render.py        a chart to PNG and Markdown

How a run calls it
    drawing.py       the pictures and tables of a report
    apart.py         a call in a process of its own, so that pandas, Altair and vl-convert take no memory of a load
"""
