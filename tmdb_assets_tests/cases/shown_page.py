"""A page of the app, run as Streamlit runs it, and the charts on it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tmdb_assets_tests.stage.waiting import PATIENCE_S

if TYPE_CHECKING:
    from streamlit.testing.v1 import AppTest


def shown(name: str, **address: str) -> AppTest:
    """A page after its first run; `address` are filters, or what its address names for this page."""

    from streamlit.testing.v1 import AppTest

    from tmdb_assets.viz.address import CHOSEN

    def script(name: str) -> None:
        from tmdb_assets.viz.pages import PAGES

        next(page for page in PAGES if page.path == name).show()

    app = AppTest.from_function(script, args=(name,), default_timeout=PATIENCE_S)
    for key, value in address.items():
        if key in {"film", "person", "continent", "release_country", "films"}:
            app.query_params[key] = value
        else:
            app.session_state[CHOSEN.format(key) if key in {"genre", "country", "language", "days"} else key] = value
    app.run()
    assert list(app.exception) == []
    return app


def charts_of(app: AppTest) -> list[dict[str, Any]]:
    """The Vega-Lite specifications on a page, with their data."""
    from streamlit.dataframe_util import convert_arrow_bytes_to_pandas_df

    return [
        json.loads(found.proto.spec)
        | {"datasets": {part.name: convert_arrow_bytes_to_pandas_df(part.data.data) for part in found.proto.datasets}}
        for found in app.get("vega_lite_chart")
    ]


def titles_of(app: AppTest) -> list[str]:
    return [chart["title"]["text"] for chart in charts_of(app)]


def values_of(chart: dict[str, Any], *names: str) -> list[tuple[Any, ...]]:
    """The rows of the chart's data that have all these fields, each once."""
    frames = [frame[list(names)] for frame in chart["datasets"].values() if set(names) <= set(frame.columns)]
    return list(dict.fromkeys(row for frame in frames for row in frame.itertuples(index=False, name=None)))
