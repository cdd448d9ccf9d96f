"""The page of quality of the app."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from tmdb_assets.settings import get_settings
from tmdb_assets.warehouse.ledger.check_results import Result, record
from tmdb_assets_tests.cases.shown_page import shown
from tmdb_assets_tests.cases.small_star import DAY
from tmdb_assets_tests.oracle.compare import Tables

pytest.importorskip("streamlit", reason="no Streamlit: pip install 'tmdb-assets[viz]'")
from streamlit import cache_data


def test_the_page_of_quality_has_the_days_what_failed_and_what_to_do(tables: Tables, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("REPORTS_DIR", str(tmp_path))
    get_settings.cache_clear()
    with tables.warehouse.begin() as connection:
        record(
            connection,
            DAY,
            [
                Result("raw_export", "contract", False, "error", "2 lines are broken. What to do: look at them."),
                Result("dim_movie", "contract", True, "warn", "Fine."),
                Result("dim_movie", "run", True, "error", None),
                Result("fact_movie_daily", "today_is_there", False, "warn", "Not today."),
            ],
        )
    cache_data.clear()
    app = shown("quality")
    days = app.dataframe[-1].value
    assert days["day"].tolist() == [DAY, DAY - dt.timedelta(days=1)]
    verdict = "Do not rely on them: 1 of 2 checks found figures missing or wrong."
    assert [text.value for text in app.text] == [verdict]  # in the app a link to this page
    assert app.subheader[0].value.replace("\\", "") == verdict
    assert [text.value.replace("\\", "") for text in app.error] == [
        "**raw_export: contract.** 2 lines are broken.\n\n*What to do:* look at them."
    ]
    assert [(row.result[2:], row.asset_name) for row in app.dataframe[0].value.itertuples()] == [
        ("Error", "raw_export"),
        ("Passed", "dim_movie"),
    ]
    assert not app.get("download_button")
    page = tmp_path / f"quality_{tables.warehouse.url.database}" / f"{DAY}.html"
    page.parent.mkdir()
    page.write_text("the day")
    assert [button.label for button in app.run().get("download_button")] == ["The whole report of the day (HTML)"]
    with tables.warehouse.begin() as connection:
        connection.execute(sa.text("truncate check_result"))
    get_settings.cache_clear()
