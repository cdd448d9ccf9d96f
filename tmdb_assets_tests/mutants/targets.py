"""The files that are mutated, and the tests that must notice, the quickest first."""

from __future__ import annotations

_LOADING = "integration/warehouse/loading"
_TOTALS = (f"{_LOADING}/test_latest_totals.py", "graph/checks/test_latest_state.py", "graph/assets/test_totals.py")
_ROWS = "integration/warehouse/schema/test_view_rows.py"
VIEWS = (
    "continent_popularity",
    "costars",
    "director_ranking",
    "genre_popularity",
    "keyword_popularity",
    "load_status",
    "movie_latest",
    "person_popularity",
    "top_movies",
    "trending_movies",
    "upcoming_releases",
)
PICTURES = (
    "budget_and_revenue",
    "continent_popularity",
    "directors_by_rating",
    "films_of_a_person",
    "forecast_record",
    "genre_popularity",
    "genre_shares",
    "key_figures",
    "movers_of_the_week",
    "original_languages",
    "popularity_over_time",
    "production_countries",
    "rating_distribution",
    "release_calendar",
    "releases_by_country",
    "rising_keywords",
    "runtime_distribution",
    "top_films",
    "top_people",
)
TARGETS: dict[str, tuple[str, ...]] = {
    "tmdb_assets/warehouse/loading/merge.py": (
        "unit/warehouse/loading/test_loaded.py",
        f"{_LOADING}/test_merge_rules.py",
        f"{_LOADING}/test_load.py",
        f"{_LOADING}/test_staging.py",
        f"{_LOADING}/test_statistics.py",
        f"{_LOADING}/test_appended_parts.py",
        f"{_LOADING}/test_missing_parents.py",
        f"{_LOADING}/test_loads_at_once.py",
    ),
    "tmdb_assets/warehouse/loading/load.py": (
        "unit/warehouse/loading/test_loaded.py",
        f"{_LOADING}/test_load.py",
        f"{_LOADING}/test_refused_loads.py",
        f"{_LOADING}/test_staging.py",
        f"{_LOADING}/test_missing_parents.py",
        f"{_LOADING}/test_loads_at_once.py",
        "unit/assets/test_publish.py",
    ),
    "tmdb_assets/warehouse/loading/contracts.py": (
        "unit/warehouse/loading/test_contracts.py",
        "unit/assets/test_publish.py",
        f"{_LOADING}/test_appended_parts.py",
        "unit/transforms/test_transforms.py",
        f"{_LOADING}/test_load.py",
    ),
    "tmdb_assets/warehouse/ledger/details_due.py": (
        "integration/warehouse/ledger/test_due_rules.py",
        "integration/warehouse/ledger/test_details_due.py",
    ),
    "tmdb_assets/orchestration/gaps.py": (
        "graph/orchestration/test_automation.py",
        "graph/orchestration/test_cancelled.py",
        "integration/interruption/test_days_behind.py",
        "integration/instance/test_time_zones.py",
    ),
    "tmdb_assets/warehouse/retention.py": ("integration/warehouse/test_retention.py", f"{_LOADING}/test_history.py"),
    "tmdb_assets/warehouse/loading/latest_state.py": (*_TOTALS, f"{_LOADING}/test_merge_rules.py"),
    "tmdb_assets/checks/latest_state.py": ("graph/checks/test_latest_state.py",),
    "sql/functions/renew_totals.sql": (f"{_ROWS}::test_totals_counted_again_are_those_of_plain_python",),
    "sql/functions/movie_features.sql": (
        f"{_LOADING}/test_features.py::test_every_column_is_of_the_days_before_and_gaps_stay_gaps",
    ),
    "tmdb_assets/orchestration/alerts.py": (
        "graph/orchestration/test_alert_times.py",
        "integration/orchestration/test_alerts.py",
    ),
    **{
        f"sql/views/vw_{name}.sql": (f"{_ROWS}::test_a_view_shows_what_plain_python_computes[vw_{name}]",)
        for name in VIEWS
    },
    **{
        f"sql/pictures/{name}.sql": (f"{_ROWS}::test_a_picture_reads_what_plain_python_computes[{name}]",)
        for name in PICTURES
    },
    "sql/pictures/rising_keywords.sql": (
        f"{_ROWS}::test_a_picture_reads_what_plain_python_computes[rising_keywords]",
        f"{_ROWS}::test_the_rising_keywords_are_those_of_all_where_few_are_summed_exactly",
    ),
    "sql/pictures/top_people.sql": (
        f"{_ROWS}::test_a_picture_reads_what_plain_python_computes[top_people]",
        f"{_ROWS}::test_the_top_people_are_those_of_all_where_few_films_are_summed_first",
    ),
}
"""File -> tests below `tmdb_assets_tests`: files, and for SQL also single tests."""
