"""The sandbox's answers: discover and its slices, details, reference lists, refusals."""

import datetime as dt
import itertools
import json
import statistics
import threading

import pytest

from tmdb_assets.tmdb.sandbox.appended import FIRST_ID, GENERATED, Appended
from tmdb_assets.tmdb.sandbox.catalogue import SandboxError, daily_figures
from tmdb_assets.tmdb.sandbox.server import Sandbox
from tmdb_assets_tests.cases.sandbox_sample import (
    AUTH,
    BARE,
    DAY,
    FACTS,
    FILM,
    FILMS,
    NO_FACTS,
    NOBODY,
    PEOPLE,
    RECORDINGS,
    REQUEST,
    get,
    make_sandbox,
    recording,
    shape,
    speak,
)

FIGURES = ("popularity", "vote_average", "vote_count")
NO_IMAGES = {"poster_path": None, "backdrop_path": None}


def test_discover_lists_every_film_once_by_popularity(url):
    pages = [get(url, f"/discover/movie?page={page}&sort_by=popularity.desc")[1] for page in (1, 2, 3)]
    assert [len(page["results"]) for page in pages] == [20, 20, 5]
    assert [(p["page"], p["total_pages"], p["total_results"]) for p in pages] == [(1, 3, 45), (2, 3, 45), (3, 3, 45)]
    seen = [tuple(film[key] for key in (*FIGURES, "id")) for page in pages for film in page["results"]]
    expected = [(*daily_figures(film, DAY), film["id"]) for film in FILMS]
    assert seen == sorted(expected, key=lambda row: (-row[0], row[3]))
    same = "page=1&sort_by=popularity.desc&include_adult=false&include_video=false&language=fr"
    assert get(url, "/discover/movie") == get(url, f"/discover/movie?{same}") == (200, pages[0])


@pytest.mark.parametrize("page", [4, 500])
def test_a_page_beyond_the_last_is_empty(url, page):
    expected = {"page": page, "results": [], "total_pages": 3, "total_results": 45}
    assert get(url, f"/discover/movie?page={page}") == (200, expected)


def slice_ids(url, query):
    """Return the ids of all pages of a slice, and its reported totals."""
    first = get(url, f"/discover/movie?{query}")[1]
    pages = [get(url, f"/discover/movie?{query}&page={page}")[1] for page in range(1, first["total_pages"] + 1)]
    assert {page["total_results"] for page in pages} <= {first["total_results"]}
    return [film["id"] for page in pages for film in page["results"]], first["total_pages"], first["total_results"]


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("1930-03-01", "1978-03-01"),
        ("1979-05-25", "1979-05-25"),
        ("1979-05-26", "1979-12-31"),
        ("", "1950-01-01"),
        ("1990-01-01", ""),
        ("1000-01-01", "9999-12-31"),
        ("1950-01-01", "1940-01-01"),
    ],
)
def test_a_slice_lists_the_films_released_in_it(url, first, last):
    bounds = {"gte": first, "lte": last}
    query = "&".join(f"primary_release_date.{end}={day}" for end, day in bounds.items() if day)
    inside = [f for f in FILMS if f["release_date"] and (first or "0") <= f["release_date"] <= (last or "9")]
    expected = sorted(inside, key=lambda film: (-daily_figures(film, DAY)[0], film["id"]))
    pages = -(-len(inside) // 20)
    assert slice_ids(url, query) == ([film["id"] for film in expected], pages, len(inside))


def test_adjacent_slices_list_every_dated_film_once(url):
    bounds = [("1000-01-01", "1949-12-31"), ("1950-01-01", "1979-05-24"), ("1979-05-25", "9999-12-31")]
    slices = [slice_ids(url, f"primary_release_date.gte={a}&primary_release_date.lte={b}")[0] for a, b in bounds]
    assert all(slices)
    assert sorted(itertools.chain(*slices)) == sorted(film["id"] for film in FILMS if film["release_date"])


def test_an_empty_bound_is_no_bound(url):
    assert get(url, "/discover/movie?primary_release_date.gte=&primary_release_date.lte=") == get(
        url, "/discover/movie"
    )


def test_details_have_the_facts_with_names_resolved(url):
    expected = FACTS | NO_IMAGES | dict(zip(FIGURES, daily_figures(FILM, DAY), strict=True))
    expected |= {"adult": False, "softcore": False, "video": False, "overview": "", "tagline": ""}
    expected |= {"belongs_to_collection": {"id": 9, "name": "Rivers"} | NO_IMAGES, "origin_country": ["SU"]}
    expected["genres"] = [{"id": 878, "name": "Science Fiction"}, {"id": 18, "name": "Drama"}]
    expected["production_companies"] = [{"id": 88367, "logo_path": None, "name": "Мосфильм", "origin_country": "SU"}]
    countries = [{"iso_3166_1": "SU", "name": "Soviet Union"}, {"iso_3166_1": "DE", "name": "Germany"}]
    russian = {"english_name": "Russian", "iso_639_1": "ru", "name": "Pусский"}
    cantonese = {"english_name": "Cantonese", "iso_639_1": "cn", "name": "广州话"}
    expected |= {"production_countries": countries, "spoken_languages": [russian, cantonese]}
    assert get(url, "/movie/101?language=en-US") == (200, expected)
    bare = get(url, "/movie/102")[1]
    assert not {"credits", "keywords", "release_dates"} & set(bare)  # only on request
    assert bare == bare | NO_FACTS | {"release_date": "", "runtime": 0, "budget": 0, "revenue": 0}
    assert bare == bare | {"imdb_id": None, "belongs_to_collection": None, "vote_average": 0.0, "vote_count": 0}


def test_credits_keywords_and_releases_can_be_appended_to_details(url):
    film = get(url, "/movie/101?language=en-US&append_to_response=videos,credits,keywords,release_dates")[1]
    people, words, releases = film.pop("credits"), film.pop("keywords"), film.pop("release_dates")
    assert get(url, "/movie/101") == (200, film)
    assert [(one["name"], one["order"]) for one in people["cast"]] == [("Bo Lind", 0), ("Agnes Reed", 1)]
    assert [one["character"] for one in people["cast"]] == ["A man", ""]
    assert [(one["name"], one["job"], one["department"]) for one in people["crew"]] == [
        ("Agnes Reed", "Director", "Directing")
    ]
    assert [one["gender"] for one in people["cast"] + people["crew"]] == [0, 1, 1]
    assert people["cast"][1]["id"] == people["crew"][0]["id"] >= FIRST_ID  # one person, one id
    assert len({one["credit_id"] for one in people["cast"] + people["crew"]}) == 3
    assert [one["name"] for one in words["keywords"]] == ["river"]
    (country,) = releases["results"]
    (release,) = country["release_dates"]
    assert (country["iso_3166_1"], release["release_date"]) == ("DE", "1979-05-01T00:00:00.000Z")
    assert (release["type"], release["certification"], release["note"]) == (1, "12", "")
    bare = get(url, "/movie/102?append_to_response=credits,keywords,release_dates")[1]
    assert bare["credits"] == {"cast": [], "crew": []}
    assert (bare["keywords"], bare["release_dates"]) == ({"keywords": []}, {"results": []})


def test_releases_that_the_sample_does_not_name_are_generated_and_say_so():
    named = Appended(PEOPLE, FILM).parts(["release_dates"])["release_dates"]["results"]
    assert [release["note"] for country in named for release in country["release_dates"]] == [""]
    made = Appended(NOBODY, FILM).parts(["release_dates"])["release_dates"]["results"]
    assert [(country["iso_3166_1"], len(country["release_dates"])) for country in made] == [("SU", 2)]
    found = [(one["type"], one["release_date"][:10], one["note"]) for one in made[0]["release_dates"]]
    assert found == [(3, "1979-05-25", GENERATED), (4, "1979-07-24", GENERATED)]


def test_discover_and_details_agree(url):
    for item in get(url, "/discover/movie?page=2")[1]["results"]:
        detail = get(url, f"/movie/{item['id']}")[1]
        assert item.pop("genre_ids") == [genre["id"] for genre in detail["genres"]]
        assert item == {key: detail[key] for key in item}


def test_reference_lists(url):
    germany, soviet_union = get(url, "/configuration/countries")[1]
    assert germany == {"iso_3166_1": "DE", "english_name": "Germany", "native_name": "Germany"}
    assert soviet_union == {"iso_3166_1": "SU", "english_name": "Soviet Union", "native_name": "Soviet Union"}
    languages = get(url, "/configuration/languages")[1]
    assert [(row["iso_639_1"], row["name"]) for row in languages] == [("cn", "广州话"), ("ru", "Pусский"), ("sh", "")]
    genres = {"genres": [{"id": 18, "name": "Drama"}, {"id": 878, "name": "Science Fiction"}]}
    assert get(url, "/genre/movie/list?language=en") == (200, genres)


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("/discover/movie", "discover/discover_2025-12-16/page_002.json"),
        ("/movie/101", "movie/99861.json"),  # has a collection, companies, countries, languages and an IMDb id
        ("/configuration/countries", "configuration/countries.json"),
        ("/configuration/languages", "configuration/languages.json"),
        ("/genre/movie/list", "genre/movie_list.json"),
    ],
)
def test_answers_have_the_shape_of_recorded_ones(url, path, file):
    assert shape(get(url, path)[1]) == shape(recording(*file.split("/")))


WRONG_PAGES = ["0", "-1", "501", "1.5", "two", "", "%D9%A1", "9" * 5000]
WRONG_MOVIES = ["/movie/999", "/movie/abc", "/movie/-1", "/movie/" + "9" * 40, "/movie/101/", "/nothing", ""]
WRONG_DATES = ["2026-02-30", "2026-1-1", "20260101", "today", "01/01/2026", "0000-01-01", "%D9%A12026-01-01"]
WRONG_HEADERS = [{}, {"Authorization": "Bearer wrong"}, {"Authorization": Sandbox.token}]


@pytest.mark.parametrize(
    ("path", "headers", "status", "code", "file"),
    [(f"/discover/movie?page={page}", AUTH, 400, 22, "400_page_over_500.json") for page in WRONG_PAGES]
    + [(path, AUTH, 404, 34, "404_not_found.json") for path in WRONG_MOVIES]
    + [("/movie/101", headers, 401, 7, "401_invalid_key.json") for headers in WRONG_HEADERS]
    + [("/nothing", {}, 401, 7, "401_invalid_key.json")]
    + [("/discover/movie?sort_by=vote_count.desc", AUTH, 422, 5, None)]
    + [(f"/discover/movie?primary_release_date.gte={day}", AUTH, 422, 5, None) for day in WRONG_DATES]
    + [(f"/discover/movie?primary_release_date.lte={day}", AUTH, 422, 5, None) for day in WRONG_DATES],
)
def test_refusals_are_those_of_tmdb(url, path, headers, status, code, file):
    seen, body = get(url, path, headers=headers)
    assert (seen, body["status_code"], body["success"]) == (status, code, False)
    if file and RECORDINGS.exists():
        assert body == recording("errors", file)


def test_answers_of_a_day_are_identical_byte_for_byte(sample, url):
    texts = [REQUEST % (i, 0, b"") for i in (101, 102, 999)]
    texts.append(b"GET /3/discover/movie HTTP/1.0\r\nAuthorization: Bearer sandbox\r\n\r\n")
    with make_sandbox(sample) as other, make_sandbox(sample, DAY + dt.timedelta(days=1)) as next_day:
        first, again, tomorrow = ([speak(base, t) for t in texts] for base in (url, other.start(), next_day.start()))
    assert first == again
    assert [a == b for a, b in zip(first, tomorrow, strict=True)] == [False, False, True, False]


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("films.jsonl", json.dumps(BARE) + "\nnot json\n", "line 2"),
        ("films.jsonl", json.dumps(BARE | {"genres": [4711]}), "4711"),
        ("films.jsonl", json.dumps({key: value for key, value in BARE.items() if key != "runtime"}), "runtime"),
        ("films.jsonl", json.dumps(BARE | {"release_date": "2026-13-01"}), "line 1"),
        ("people.csv", "name,gender\nAgnes Reed,female\n", "female"),
        ("genres.csv", "key,name\n18,Drama\n", "'id'"),
        ("genres.csv", "id,name\neighteen,Drama\n", "eighteen"),
        ("languages.csv", None, "No such file"),
    ],
)
def test_a_sample_that_cannot_be_used_is_named(sample, tmp_path, file, text, words):
    for path in sample.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / file).unlink()
    if text is not None:
        (tmp_path / file).write_text(text, encoding="utf-8")
    threads = threading.active_count()
    with pytest.raises(SandboxError) as caught:
        make_sandbox(tmp_path).start()
    assert [word in str(caught.value) for word in (file, words, "TMDB_TOKEN")] == [True, True, True]
    assert threading.active_count() == threads


def test_the_shipped_sample_is_served_completely():
    with Sandbox(DAY) as running:
        url = running.start()
        first = get(url, "/discover/movie?page=1")[1]
        pages = [get(url, f"/discover/movie?page={page}")[1] for page in range(1, first["total_pages"] + 1)]
        films = [film for page in pages for film in page["results"]]
        assert len(films) == len({film["id"] for film in films}) == first["total_results"] >= 120
        assert {get(url, f"/movie/{film['id']}")[0] for film in films} == {200}
        assert {film["original_language"] for film in films} <= {
            row["iso_639_1"] for row in get(url, "/configuration/languages")[1]
        }
        assert len(get(url, "/genre/movie/list")[1]["genres"]) == 19
    popularity = [film["popularity"] for film in films]
    assert 50 <= popularity[0] <= 1000
    assert 2 <= statistics.median(popularity) <= 15
    assert all(film["vote_average"] == 0 for film in films if film["vote_count"] == 0)
