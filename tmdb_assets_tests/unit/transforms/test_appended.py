"""What is appended to details: trimmed before it is stored, turned into rows; broken parts are rejected alone."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmdb_assets.settings import Settings
from tmdb_assets.transforms.appended import PARTS, Wanted, missing_parts, trim
from tmdb_assets.transforms.details import parse_details

DAY = dt.date(2026, 7, 29)
NAMELESS = {"adult": False, "popularity": 1.5, "cast_id": 4}  # what the tables do not need


ORDERS = ((1, 2), (7, -1), (2, 0.0), (3, None), (8, True), (4, 1), (9, "0"))  # the person and the place in the cast


def person(person_id: Any, **changes: Any) -> dict[str, Any]:
    known = {"name": f"P{person_id}", "original_name": f"O{person_id}", "gender": 1, "known_for_department": "Acting"}
    return {**NAMELESS, "id": person_id, **known, "profile_path": None, "credit_id": f"c{person_id}", **changes}


def film(**parts: Any) -> dict[str, Any]:
    return {"id": 550, "title": "Film", **parts}


def rows(made: dict[str, Any], table: str) -> list[dict[str, Any]]:
    return parse_details([made], DAY)[table]


def test_the_cast_is_cut_by_its_order_and_the_crew_by_job() -> None:
    cast = [person(n, character=f"C{n}", order=order) for n, order in ORDERS]
    crew = [person(n, department="D", job=job) for n, job in ((5, "Editor"), (6, "Stunts"), (7, "Director"))]
    stored, left_out = trim(film(credits={"cast": cast, "crew": crew}), Wanted(cast_limit=3))
    assert [(one["id"], one["order"]) for one in stored["credits"]["cast"]] == [(2, 0.0), (4, 1), (1, 2)]
    assert [(one["id"], one["job"]) for one in stored["credits"]["crew"]] == [(5, "Editor"), (7, "Director")]
    assert left_out == {"cast": 4, "crew": 1}
    assert not set(NAMELESS) & set(stored["credits"]["cast"][0])


def test_the_whole_crew_and_no_cast() -> None:
    given = {"cast": [person(1, character="", order=0)], "crew": [person(6, department="Crew", job="Stunts")]}
    stored, left_out = trim(film(credits=given), Wanted(cast_limit=0, crew_jobs=None))
    assert stored["credits"]["cast"] == []
    assert [one["job"] for one in stored["credits"]["crew"]] == ["Stunts"]
    assert left_out == {"cast": 1}


def test_default_jobs_are_directors_writers_producers_camera_editor_and_composer() -> None:
    writers = ["Writer", "Co-Writer", "Author", "Screenplay", "Teleplay", "Story", "Screenstory", "Adaptation"]
    others = ["Director", "Co-Director", "Producer", "Executive Producer", "Director of Photography", "Editor"]
    composers = ["Original Music Composer", "Music"]
    left_out = ["Stunts", "Casting", "Music Editor", "Novel", "director of nothing"]
    jobs = [*writers, *others, *composers, *left_out]
    crew = [person(n, department="D", job=job) for n, job in enumerate(jobs, start=1)]
    stored, _ = trim(film(credits={"cast": [], "crew": crew}), Wanted())
    assert [one["job"] for one in stored["credits"]["crew"]] == [*writers, *others, *composers]


def test_jobs_and_all_are_read_in_upper_or_lower_case() -> None:
    crew = [person(n, department="D", job=job) for n, job in ((5, "Editor"), (6, "Stunts"), (7, "Director"))]
    for setting, kept in (("director, STUNTS,", [6, 7]), ("All", [5, 6, 7]), ("Regie", [])):
        rule = Settings.load(tmdb_crew_jobs=setting, tmdb_append=" OFF").wanted
        assert rule.parts == ()
        stored, _ = trim(film(credits={"cast": [], "crew": crew}), rule)
        assert [one["id"] for one in stored["credits"]["crew"]] == kept


def test_keywords_and_releases_keep_what_their_tables_need() -> None:
    release = {
        "certification": "R",
        "descriptors": [],
        "iso_639_1": "",
        "note": "Venice",
        "release_date": "x",
        "type": 1,
    }
    made = film(
        keywords={"keywords": [{"id": 818, "name": "novel", "more": 1}]},
        release_dates={"results": [{"iso_3166_1": "US", "release_dates": [release]}]},
    )
    stored, left_out = trim(made, Wanted())
    assert stored["keywords"] == {"keywords": [{"id": 818, "name": "novel"}]}
    kept = {"certification": "R", "note": "Venice", "release_date": "x", "type": 1}
    assert stored["release_dates"] == {"results": [{"iso_3166_1": "US", "release_dates": [kept]}]}
    assert not left_out


@pytest.mark.parametrize("part", [*PARTS])
@pytest.mark.parametrize("broken", [7, "x", [], [1], {}, {"cast": {}, "keywords": 1, "results": "x"}, None])
def test_a_broken_part_is_stored_unchanged_and_named(part: str, broken: Any) -> None:
    made = film(**{part: broken})
    assert trim(made, Wanted()) == (made, {})
    assert missing_parts(made, Wanted((part,))) == (part,)
    assert rows(made, "dim_movie")[0][PARTS[part].date_column] is None
    assert rows(made, "dim_movie")[0]["title"] == "Film"


def test_of_a_half_readable_part_nothing_is_used() -> None:
    made = parse_details([film(credits={"cast": [person(1), person(2)]})], DAY)
    for name in ("dim_person", "bridge_movie_cast", "bridge_movie_crew"):
        assert made[name]
        assert all(isinstance(row["person_id"], list) for row in made[name])  # which its contract rejects
    assert made["dim_movie"][0]["credits_date"] is None


def test_a_film_without_parts_has_no_rows_of_them() -> None:
    made = parse_details([film()], DAY)
    bridges = ("bridge_movie_cast", "bridge_movie_crew", "bridge_movie_keyword", "movie_release")
    assert not any(made[name] for name in ("dim_person", "dim_keyword", *bridges))


def test_an_empty_part_is_one_that_came() -> None:
    made = film(credits={"cast": [], "crew": []}, keywords={"keywords": []}, release_dates={"results": []})
    assert [rows(made, "dim_movie")[0][part.date_column] for part in PARTS.values()] == [DAY] * 3
    assert missing_parts(made, Wanted()) == ()


def test_the_same_person_twice_keeps_both_credits() -> None:
    cast = [person(1, credit_id="a", character="Twin", order=0), person(1, credit_id="b", character="", order=1)]
    crew = [person(1, credit_id="c", department="Directing", job="Director", gender=0)]
    made = film(credits={"cast": cast, "crew": crew})
    assert rows(made, "bridge_movie_cast") == [
        {"movie_id": 550, "credit_id": "b", "person_id": 1, "character_name": None, "cast_order": 1},
        {"movie_id": 550, "credit_id": "a", "person_id": 1, "character_name": "Twin", "cast_order": 0},
    ]
    assert rows(made, "bridge_movie_crew") == [
        {"movie_id": 550, "credit_id": "c", "person_id": 1, "department": "Directing", "job": "Director"}
    ]
    assert [one["gender"] for one in rows(made, "dim_person")] == ["female", "female", None]


def test_releases_have_named_types_and_dates() -> None:
    dates = [
        {"certification": "", "note": "", "release_date": "1999-10-15T00:00:00.000Z", "type": 3},
        {"certification": "R", "note": "TIFF", "release_date": "1999-09-10", "type": 1},
        {"certification": "R", "release_date": "", "type": 9},
        {"release_date": "1999-10-15T00:00:00.000Z", "type": True},
        {"release_date": "2026-06-30T20:00:00-04:00", "type": 3.0},
        {"release_date": "2026-07-01T99:99:00Z", "type": "Theatrical"},
        {"release_date": "0001-01-01T00:00:00+01:00", "type": 3.5},
        {"release_date": "2026-W27-3", "type": "3"},
    ]
    made = film(release_dates={"results": [{"iso_3166_1": "US", "release_dates": dates}]})
    found = [tuple(row.values()) for row in rows(made, "movie_release")]
    day = dt.date(1999, 10, 15)
    assert found == [
        (550, "US", "Theatrical", day, None, None),
        (550, "US", "Premiere", "1999-09-10", "R", "TIFF"),
        (550, "US", [9], None, "R", None),
        (550, "US", [True], day, None, None),
        (550, "US", "Theatrical", dt.date(2026, 7, 1), None, None),
        (550, "US", ["Theatrical"], "2026-07-01T99:99:00Z", None, None),
        (550, "US", [3.5], "0001-01-01T00:00:00+01:00", None, None),
        (550, "US", ["3"], "2026-W27-3", None, None),
    ]


def test_of_a_credit_that_is_there_twice_the_lowest_order_wins() -> None:
    cast = [person(1, credit_id="a", character="Lead", order=0), person(1, credit_id="a", character="", order=7)]
    for sent in (cast, cast[::-1]):
        made = rows(film(credits={"cast": sent, "crew": []}), "bridge_movie_cast")
        assert made[-1]["cast_order"] == 0  # of a key the last row wins


def test_a_release_that_is_there_twice_keeps_its_certification_and_both_notes() -> None:
    dates = [
        {"certification": certification, "note": note, "release_date": "2026-07-01T00:00:00.000Z", "type": 1}
        for certification, note in (("", "Los Angeles"), ("R", "New York"), ("", ""), ("", "New York"), (7, "x"))
    ]
    made = rows(film(release_dates={"results": [{"iso_3166_1": "US", "release_dates": dates}]}), "movie_release")
    kept = [(row["certification"], row["note"]) for row in made]
    assert kept == [("R", "Los Angeles; New York"), (7, "x")]  # the second is rejected by its contract


def test_what_does_not_fit_its_column_takes_nothing_sound_with_it() -> None:
    def one(sent: list[tuple[str, str]]) -> tuple[str, str]:
        dates = [{"certification": c, "note": n, "release_date": "2026-07-01", "type": 1} for c, n in sent]
        made = rows(film(release_dates={"results": [{"iso_3166_1": "US", "release_dates": dates}]}), "movie_release")
        return [(row["certification"], row["note"]) for row in made][-1]

    assert one([("x" * 101, "a"), ("R", "b" * 1999)]) == ("R", "a")
    assert one([("R", ""), ("x" * 101, "a" * 100), ("", "b" * 1950), ("", "c")]) == ("R", f"{'a' * 100}; c")
    assert one([("x" * 101, "a")]) == ("x" * 101, "a")  # rejected by its contract


def test_a_gender_is_a_known_code_and_never_a_text() -> None:
    sent = [1, 2.0, 0, None, "female", 9, True]
    cast = [person(n, gender=code, order=n) for n, code in enumerate(sent, start=1)]
    made = rows(film(credits={"cast": cast, "crew": []}), "dim_person")
    assert [one["gender"] for one in made] == ["female", "male", None, None, ["female"], [9], [True]]


@pytest.mark.parametrize("results", ["x", [None], [7], [{"iso_3166_1": "US"}], [{"release_dates": "x"}]])
def test_a_broken_list_of_releases_becomes_a_row_to_reject(results: Any) -> None:
    (row,) = rows(film(release_dates={"results": results}), "movie_release")
    assert row["movie_id"] == 550
    assert row["release_date"] is None or isinstance(row["release_date"], list)


VALUES = st.sampled_from([None, "", 0, 1, 1.0, True, 2**70, "x", "2020-01-01T00:00:00.000Z", [], [1], {"a": 1}])
FIELDS = ("id", "name", "gender", "credit_id", "character", "order", "job", "profile_path", "known_for_department")


@given(st.lists(st.dictionaries(st.sampled_from(FIELDS), VALUES), max_size=6))
def test_entries_become_the_same_rows_by_column_as_beside_a_broken_one(entries):
    def made(found):
        parts = {"credits": {"cast": [], "crew": found}, "keywords": {"keywords": found}}
        rows = parse_details([film(**parts)], DAY)
        return [list(rows[name]) for name in ("dim_person", "bridge_movie_crew", "dim_keyword", "bridge_movie_keyword")]

    # A broken entry, here the last one, has its list read entry by entry.
    assert repr(made(entries)) == repr([rows[:-1] for rows in made([*entries, "broken"])])
