"""The stored totals after each asset's load equal a fresh count."""

from __future__ import annotations

import datetime as dt

import pytest

from tmdb_assets_tests.cases.awkward import catalogue, countries, film, genres
from tmdb_assets_tests.oracle.compare import Tables, copied_warehouse
from tmdb_assets_tests.stage.platform import failures_of, loaded_database_of, platform

DAY = dt.date(2026, 7, 29)
NEXT = DAY + dt.timedelta(days=1)
FILMS = [film(9001 + number, popularity=10.0 + number, vote_count=10) for number in range(6)]
FIRST = catalogue(FILMS)
# By the next day one film is gone, one has other genres, one comes from other countries.
EDITS = {9002: {"genres": genres(35, 27)}, 9003: {"production_countries": countries("JP", "FR")}}
SECOND = catalogue(
    [{**made, **EDITS.get(made["id"], {})} for made in FILMS], gone={9001}, discover_ids=range(9006, 9001, -1)
)
KEPT = {
    "genre": "select code, n_movies, total_votes from popularity_total where kind = 'genre' order by 1",
    "continent": "select code, n_movies, total_votes from popularity_total where kind = 'continent' order by 1",
    "top": "select rank::text, movie_id from top_movie order by rank",
}
DIFFERENCE = """
select count(*) from (
    (select * from count_totals() except select * from popularity_total)
    union all (select * from popularity_total except select * from count_totals())
) as differing
"""
RANKS = "select (select array_agg(t) from count_top() as t) = (select array_agg(t order by t.rank) from top_movie as t)"
# The steps of a day, and the totals that each of them changes here.
STEPS = {
    "raw_discover": set(),
    "raw_details": set(),
    "dim_genre": set(),
    "dim_country": set(),
    "dim_language": set(),
    "dim_company": set(),
    "dim_movie": {"genre", "continent", "top"},  # the removal
    "bridge_movie_genre": {"genre"},
    "bridge_movie_country": {"continent"},
    "bridge_movie_company": set(),
}


@pytest.fixture(scope="module")
def loaded_database(server):
    with loaded_database_of(server, FIRST, DAY) as name:
        yield name


def require_counted(tables: Tables) -> None:
    assert tables.value(DIFFERENCE) == 0
    assert tables.value(RANKS)


def test_the_totals_equal_a_count_after_each_step_of_a_day(server, loaded_database, monkeypatch):
    with copied_warehouse(server, loaded_database) as made, platform(made, SECOND, monkeypatch) as graph:
        require_counted(graph)
        for step, changed in STEPS.items():
            before = {name: graph.rows(query) for name, query in KEPT.items()}
            assert failures_of(graph.run(NEXT, only={step}, refresh=True)) == []
            require_counted(graph)
            after = {name: graph.rows(query) for name, query in KEPT.items()}
            assert {name for name in KEPT if after[name] != before[name]} == changed, step
        before = graph.rows("select xmin::text from popularity_total union all select xmin::text from top_movie")
        for step in STEPS:
            assert failures_of(graph.run(NEXT, only={step})) == []
        again = graph.rows("select xmin::text from popularity_total union all select xmin::text from top_movie")
        assert again == before  # no change, no count
        assert failures_of(graph.run(NEXT, only={"dim_date", "fact_movie_daily"})) == []
        require_counted(graph)
        assert 9001 not in graph.column("select movie_id from top_movie")


def test_a_file_of_continents_changes_the_totals_with_it(server, loaded_database, monkeypatch, tmp_path):
    file = tmp_path / "mine.csv"
    with copied_warehouse(server, loaded_database) as made, platform(made, FIRST, monkeypatch) as graph:
        (known,) = graph.column("select code from popularity_total where kind = 'continent'")
        lines = graph.rows("select iso_3166_1, 'Oceania' from country_continent")
        text = "".join(f"{code},{code},{continent},\n" for code, continent in lines)
        file.write_text(f"iso_3166_1,name,continent,note\n{text}", encoding="utf-8")
        config = {"country_continent": {"config": {"path": str(file)}}}
        assert failures_of(graph.run(DAY, only={"country_continent"}, config=config)) == []
        require_counted(graph)
        assert known != "Oceania"
        assert graph.column("select code from popularity_total where kind = 'continent'") == ["Oceania"]
