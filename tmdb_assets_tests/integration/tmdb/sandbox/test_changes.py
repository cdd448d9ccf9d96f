"""The sandbox's change lists, and the details that change with them."""

import datetime as dt

import pytest

from tmdb_assets.tmdb.sandbox.catalogue import film_on, is_withheld
from tmdb_assets.tmdb.sandbox.server import Sandbox
from tmdb_assets_tests.cases.sandbox_sample import (
    DAY,
    FILM,
    days_ago,
    get,
    make_sandbox,
    recording,
    shape,
    write_sample,
)

MANY = [FILM | {"id": 1_000 + i, "popularity": 1 + i % 7} for i in range(600)]


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return write_sample(tmp_path_factory.mktemp("sample"), MANY)


def fetch(url, query):
    """All entries of a change list, over its pages."""
    first = get(url, f"/movie/changes?{query}")[1]
    pages = [get(url, f"/movie/changes?{query}&page={page}")[1] for page in range(1, first["total_pages"] + 1)]
    entries = [entry for page in pages for entry in page["results"]]
    assert [len(page["results"]) for page in pages[:-1]] == [100] * (len(pages) - 1)
    assert {(p["total_results"], p["total_pages"]) for p in pages} == {(len(entries), -(-len(entries) // 100))}
    return entries


def listed(url, first, last=None):
    """Ids listed from a day to another, without the entry that has none."""
    ids = [entry["id"] for entry in fetch(url, f"start_date={first}&end_date={last or first}")]
    assert len(ids) == len(set(ids))
    return set(ids) - {None}


@pytest.mark.parametrize("ago", [0, 1, 13, 200])
def test_a_day_lists_the_films_whose_facts_changed(url, ago):
    day, eve = days_ago(ago), days_ago(ago + 1)
    changed = {film["id"] for film in MANY if film_on(film, day) != film_on(film, eve)}
    assert listed(url, day) == changed
    assert 0.01 < len(changed) / len(MANY) < 0.06


def test_details_change_only_on_the_days_they_are_listed(sample):
    facts = ("runtime", "budget", "revenue", "homepage", "genres")
    seen, lists = {}, {}
    for ago in (3, 2, 1, 0):
        with make_sandbox(sample, days_ago(ago)) as running:
            url = running.start()
            details = [get(url, f"/movie/{film['id']}")[1] for film in MANY[:150]]
            seen[ago] = {detail["id"]: {name: detail[name] for name in facts} for detail in details}
            lists[ago] = listed(url, days_ago(ago)) & seen[ago].keys()
    for ago in (2, 1, 0):
        assert lists[ago] == {i for i in seen[ago] if seen[ago][i] != seen[ago + 1][i]}
    assert all(lists[ago] for ago in (2, 1, 0))


def test_refreshing_what_is_listed_keeps_everything_up_to_date(url):
    kept = {film["id"]: film_on(film, days_ago(10)) for film in MANY}
    for ago in range(9, -1, -1):
        ids = listed(url, days_ago(ago))
        kept |= {film["id"]: film_on(film, days_ago(ago)) for film in MANY if film["id"] in ids}
    assert kept == {film["id"]: film_on(film, DAY) for film in MANY}


def test_a_range_lists_each_film_of_its_days_once(url):
    union = set().union(*(listed(url, days_ago(ago)) for ago in range(15)))
    assert listed(url, days_ago(14), DAY) == union
    assert len(union) > 200  # more than two pages
    assert listed(url, days_ago(3), days_ago(1)) == listed(url, days_ago(3), days_ago(2)) | listed(url, days_ago(1))


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ("language=en", 1, 0),
        ("start_date=&end_date=", 1, 0),
        (f"start_date={days_ago(5)}", 5, 0),
        (f"end_date={days_ago(5)}", 6, 5),
    ],
)
def test_the_default_is_the_last_24_hours(url, query, first, last):
    assert fetch(url, query) == fetch(url, f"start_date={days_ago(first)}&end_date={days_ago(last)}")


def test_entries_can_lack_their_id_or_adult_flag(url):
    entries = fetch(url, f"start_date={days_ago(14)}&end_date={DAY}")
    assert [entry for entry in entries if entry["id"] is None] == [{"id": None, "adult": None}]
    unsure = [entry for entry in entries if entry["adult"] is None]
    assert 1 < len(unsure) < len(entries) / 3
    assert {entry["adult"] for entry in entries} == {None, False}
    assert [entry["id"] for entry in fetch(url, f"start_date={DAY}&end_date={DAY}")].count(None) == 1


def test_future_days_have_no_changes(url):
    tomorrow, week = days_ago(-1), days_ago(-7)
    expected = {"page": 1, "results": [], "total_pages": 0, "total_results": 0}
    assert get(url, f"/movie/changes?start_date={tomorrow}&end_date={week}") == (200, expected)
    assert listed(url, days_ago(2), week) == listed(url, days_ago(2), DAY)


def test_a_page_beyond_the_last_is_empty(url):
    answer = get(url, f"/movie/changes?start_date={DAY}&end_date={DAY}&page=500")[1]
    assert (answer["page"], answer["results"], answer["total_pages"]) == (500, [], 1)


def test_the_list_is_the_same_each_time(sample, url):
    query = f"start_date={days_ago(9)}&end_date={days_ago(2)}"
    with make_sandbox(sample, DAY + dt.timedelta(days=3)) as later:
        assert fetch(url, query) == fetch(url, query) == fetch(later.start(), query)


WRONG_RANGES = [(f"start_date={days_ago(15)}&end_date={DAY}", 20), (f"start_date={days_ago(15)}", 20)]
WRONG_RANGES += [(f"start_date={DAY}&end_date={days_ago(1)}", 20), (f"start_date={days_ago(-1)}", 20)]
WRONG_RANGES += [("start_date=2026-02-30", 5), ("end_date=yesterday", 5), ("start_date=0001-01-01", 5)]


@pytest.mark.parametrize(("query", "code"), WRONG_RANGES)
def test_a_wrong_range_is_refused(url, query, code):
    status, body = get(url, f"/movie/changes?{query}")
    assert (status, body["status_code"], body["success"]) == (422, code, False)


@pytest.mark.parametrize("page", ["0", "501", "two"])
def test_a_wrong_page_is_refused(url, page):
    status, body = get(url, f"/movie/changes?page={page}")
    assert (status, body["status_code"]) == (400, 22)


def test_refusals_match_recordings(url):
    _, body = get(url, f"/movie/changes?start_date={days_ago(15)}&end_date={DAY}")
    # This recording has no `success`; others of that time do.
    assert body == {"success": False} | recording("errors", "422_date_range_over_14_days.json")
    assert get(url, "/movie/changes?page=501") == (400, recording("errors", "400_page_over_500.json"))
    assert get(url, "/movie/changes", headers={}) == (401, recording("errors", "401_invalid_key.json"))


def test_the_list_has_the_shape_of_a_recorded_one(url):
    recorded = recording("changes", "movie_changes_2015-06-25_page_1.json")
    own = get(url, f"/movie/changes?start_date={days_ago(14)}&end_date={DAY}")[1]
    kinds = [sorted({str(shape(entry)) for entry in page["results"] if entry["id"]}) for page in (own, recorded)]
    assert len(kinds[0]) == 2  # `adult` is known or not
    assert kinds[0] == kinds[1]
    assert own.keys() == recorded.keys()
    assert len(own["results"]) == len(recorded["results"]) == 100


def test_films_of_the_shipped_sample_change_every_day():
    with Sandbox(DAY) as running:
        url = running.start()
        total = get(url, "/discover/movie")[1]["total_results"]
        counts = [len(listed(url, days_ago(ago))) for ago in range(30)]
        ids = listed(url, days_ago(14), DAY)
        answers = {film_id: get(url, f"/movie/{film_id}")[0] for film_id in ids}
    assert answers == {film_id: 404 if is_withheld(film_id, DAY) else 200 for film_id in ids}
    assert 404 in answers.values()
    assert min(counts) > 0
    assert 0.02 < sum(counts) / 30 / total < 0.05
