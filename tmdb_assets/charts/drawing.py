"""What a report shows of a query's result: its picture as Markdown, and its table. Pure, with Altair and vl-convert."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import altair as alt
import vl_convert

from tmdb_assets.charts import render
from tmdb_assets.charts.labels import ellipsize
from tmdb_assets.charts.registry import PICTURES
from tmdb_assets.charts.values import Rows, as_frame
from tmdb_assets.language import Language, choose, tr

if TYPE_CHECKING:
    import pandas as pd

TEXT_WIDTH = 24
"""How many characters of a title fit next to its figures on an asset's page."""


def warm_up() -> None:
    """Start the drawing engine, which takes half a second: this module and what it imports take as long again."""
    vl_convert.vegalite_to_svg({"mark": "point", "data": {"values": []}}, allowed_base_urls=[])


def draw_pictures(
    results: dict[str, Rows], *, snapshot_date: dt.date | None, is_sample: bool, language: Language = "en"
) -> dict[str, tuple[str, list[dict[str, Any]]]]:
    """Draw pictures by name from the results of their queries: each as Markdown, and the rows of its table."""
    choose(language)
    made = {}
    for name, rows in results.items():
        picture, frame = PICTURES[name], as_frame(rows)
        with sharing_parts():
            png = render.to_png(picture.draw(frame, snapshot_date=snapshot_date, is_sample=is_sample))
        table = (picture.summarise or picture.arrange)(frame) if len(frame) else frame
        made[name] = render.to_markdown(png, tr(picture.title)), _records(table)
    return made


@contextmanager
def sharing_parts() -> Iterator[None]:
    """Let a chart that becomes part of another one share its parts with it, in this process.

    Altair copies them all at every step, which is three quarters of the time of making a chart. A test compares.
    """
    copy = alt.SchemaBase.copy

    def copy_top(chart: Any, deep: Any = True, ignore: list[str] | None = None) -> Any:
        return copy(chart, False if deep is True else deep, ignore)

    alt.SchemaBase.copy = copy_top  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        alt.SchemaBase.copy = copy  # type: ignore[method-assign]


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A frame as records: dates as text, long text cut, numbers rounded to 3 places, missing values as None."""
    return [{str(name): _cell(value) for name, value in row.items()} for row in frame.to_dict(orient="records")]


def _cell(value: Any) -> Any:
    if value is None or value != value:
        return None
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, int) or hasattr(value, "is_integer"):
        return int(value) if float(value).is_integer() else round(float(value), 3)
    return ellipsize(str(value), TEXT_WIDTH)
