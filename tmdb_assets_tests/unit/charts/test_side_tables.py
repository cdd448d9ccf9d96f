from __future__ import annotations

from tmdb_assets.charts.side_tables import films_beside_days
from tmdb_assets_tests.cases.chart_frames import days_frame


def test_films_beside_days_have_a_heading_each_also_without_a_title():
    table = films_beside_days(days_frame([{0: 1.0}, {0: 2.0}, {0: 3.0}], titles=[None, "Twin", "Twin"]))
    assert list(table) == ["day (UTC)", "Film 1001", "Twin (1002)", "Twin (1003)"]
    assert table.iloc[0].tolist()[1:] == [1.0, 2.0, 3.0]
