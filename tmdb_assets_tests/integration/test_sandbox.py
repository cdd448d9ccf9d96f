"""The sandbox over real loopback HTTP: its answers, its figures, and how it treats its clients."""

import datetime as dt
import http.client
import itertools
import json
import logging
import math
import socket
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tmdb_assets.tmdb.sandbox import Sandbox, SandboxError, daily_figures

REPO = Path(__file__).resolve().parents[2]
RECORDINGS = REPO.parent / "shared" / "tmdb"
DAY = dt.date(2026, 3, 15)
TWO_YEARS = [dt.date(2025, 8, 11) + dt.timedelta(days=i) for i in range(730)]
AUTH = {"Authorization": f"Bearer {Sandbox.token}"}
REQUEST = b"GET /3/movie/%d HTTP/1.%d\r\nAuthorization: Bearer sandbox\r\n%s\r\n"

FACTS = {"id": 101, "imdb_id": "tt0000101", "title": "Rivers", "original_title": "Реки", "original_language": "ru"}
FACTS |= {"release_date": "1979-05-25", "runtime": 162, "budget": 1_000_000, "revenue": 2_923_706_026}
FACTS |= {"homepage": "", "status": "Released"}
FILM = FACTS | {"genres": [878, 18], "production_countries": ["SU", "DE"], "spoken_languages": ["ru", "cn"]}
FILM |= {"production_companies": [{"id": 88367, "name": "Мосфильм", "origin_country": "SU"}]}
FILM |= {"collection": {"id": 9, "name": "Rivers"}, "vote_average": 8.1, "vote_count": 3000, "popularity": 20.0}
NO_LISTS = {key: [] for key in ("genres", "production_countries", "spoken_languages", "production_companies")}
BARE = FILM | NO_LISTS | {"id": 102, "imdb_id": None, "release_date": "", "runtime": 0, "budget": 0, "revenue": 0}
BARE |= {"collection": None, "vote_average": 0, "vote_count": 0, "popularity": 0.4}
FILMS = [FILM, BARE]
FILMS += [FILM | {"id": 200 + i, "release_date": f"{1930 + 2 * i}-03-01", "popularity": 1 + i % 7} for i in range(43)]
FIGURES = ("popularity", "vote_average", "vote_count")
NO_IMAGES = {"poster_path": None, "backdrop_path": None}


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    files = {
        "films.jsonl": "".join(json.dumps(film, ensure_ascii=False) + "\n" for film in FILMS),
        "genres.csv": "id,name\n18,Drama\n878,Science Fiction\n",
        "languages.csv": "iso_639_1,english_name,name\ncn,Cantonese,广州话\nru,Russian,Pусский\nsh,Serbo-Croatian,\n",
        "countries.csv": 'iso_3166_1,name,continent,note\nDE,Germany,Europe,\nSU,Soviet Union,Europe,"former, as RU"\n',
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def make_sandbox(sample, day=DAY):
    return Sandbox(day, sample, sample / "countries.csv")


@pytest.fixture(scope="module")
def url(sample):
    with make_sandbox(sample) as running:
        yield running.start()


def connect(url):
    return http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)


def ask(connection, path, method="GET", headers=AUTH, body=None):
    connection.request(method, "/3" + path, body=body, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()


def get(url, path, method="GET", headers=AUTH):
    """One request on its own connection: status and parsed body."""
    connection = connect(url)
    status, headers, body = ask(connection, path, method, headers)
    connection.close()
    assert headers["Content-Type"] == "application/json;charset=utf-8"
    return status, json.loads(body)


def dial(url):
    return socket.create_connection((urlsplit(url).hostname, urlsplit(url).port), timeout=5)


def speak(url, text):
    """Send raw bytes, return all that comes back until the server closes."""
    with dial(url) as plain, plain.makefile("rb") as answer:
        plain.sendall(text)
        return answer.read()


def recording(*parts):
    path = RECORDINGS.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"no recording {'/'.join(parts)} beside the repository")
    return json.loads(path.read_text(encoding="utf-8"))


def shape(value):
    """Keys and types of a JSON value, of lists the first item; images, which the sandbox never has, count as None."""
    if isinstance(value, dict):
        return {key: "NoneType" if key.endswith("_path") else shape(item) for key, item in value.items()}
    return [shape(item) for item in value[:1]] if isinstance(value, list) else type(value).__name__


def test_discover_holds_every_film_once_in_the_order_of_the_day(url):
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


def test_details_hold_the_facts_with_names_resolved(url):
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
    assert bare == bare | NO_LISTS | {"origin_country": [], "release_date": "", "runtime": 0, "budget": 0, "revenue": 0}
    assert bare == bare | {"imdb_id": None, "belongs_to_collection": None, "vote_average": 0.0, "vote_count": 0}


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
WRONG_HEADERS = [{}, {"Authorization": "Bearer wrong"}, {"Authorization": Sandbox.token}]


@pytest.mark.parametrize(
    ("path", "headers", "status", "code", "file"),
    [(f"/discover/movie?page={page}", AUTH, 400, 22, "400_page_over_500.json") for page in WRONG_PAGES]
    + [(path, AUTH, 404, 34, "404_not_found.json") for path in WRONG_MOVIES]
    + [("/movie/101", headers, 401, 7, "401_invalid_key.json") for headers in WRONG_HEADERS]
    + [("/nothing", {}, 401, 7, "401_invalid_key.json")]
    + [("/discover/movie?sort_by=vote_count.desc", AUTH, 422, 5, None)],
)
def test_refusals_are_those_of_tmdb(url, path, headers, status, code, file):
    seen, body = get(url, path, headers=headers)
    assert (seen, body["status_code"], body["success"]) == (status, code, False)
    if file and RECORDINGS.exists():
        assert body == recording("errors", file)


def test_head_has_the_length_and_no_body(url):
    connection = connect(url)
    status, headers, body = ask(connection, "/movie/101", method="HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["Content-Length"]) == len(ask(connection, "/movie/101")[2])
    connection.close()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "BREW"])
def test_other_methods_are_refused_and_the_connection_lives_on(url, method):
    connection = connect(url)
    status, headers, body = ask(connection, "/movie/101", method, body=b"GET /3/movie/999 HTTP/1.1\r\n\r\n")
    assert (status, headers["Allow"], json.loads(body)["status_code"]) == (405, "GET, HEAD", 42)
    assert json.loads(ask(connection, "/movie/101")[2])["id"] == 101
    connection.close()


NO_REQUESTS = [b"\x16\x03\x01\x02\r\n\r\n", b"hello\r\n\r\n", b"GET / HTTP/2\r\n\r\n"]
NO_REQUESTS += [b"GET / HTTP/1.1\r\nContent-Length: %s\r\n\r\n" % length for length in (b"many", b"-1", b"9" * 9)]
NO_REQUESTS += [b"GET / HTTP/1.1\r\nX: " + b"x" * 65_536]


@pytest.mark.parametrize("text", NO_REQUESTS, ids=range(len(NO_REQUESTS)))
def test_what_is_no_request_is_refused_and_the_connection_closed(url, text):
    head, _, body = speak(url, text).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"Connection: close" in head
    assert json.loads(body)["status_code"] == 47


def test_requests_on_one_connection_are_answered_in_order_until_it_shall_close(url):
    text = REQUEST % (101, 1, b"") + REQUEST % (999, 1, b"") + REQUEST % (102, 1, b"Connection: close\r\n") + b"GET"
    answers = speak(url, text).split(b"HTTP/1.1 ")[1:]
    assert [answer.split(b"\r\n")[0] for answer in answers] == [b"200 OK", b"404 Not Found", b"200 OK"]
    assert [b"keep-alive" in answer for answer in answers] == [True, True, False]
    assert b"Connection: close" in speak(url, REQUEST % (101, 0, b""))


def test_every_answer_of_a_day_is_the_same_to_the_byte(sample, url):
    texts = [REQUEST % (i, 0, b"") for i in (101, 102, 999)]
    texts.append(b"GET /3/discover/movie HTTP/1.0\r\nAuthorization: Bearer sandbox\r\n\r\n")
    with make_sandbox(sample) as other, make_sandbox(sample, DAY + dt.timedelta(days=1)) as next_day:
        first, again, tomorrow = ([speak(base, t) for t in texts] for base in (url, other.start(), next_day.start()))
    assert first == again
    assert [a == b for a, b in zip(first, tomorrow, strict=True)] == [False, False, True, False]


def test_figures_are_the_same_in_a_process_that_has_only_the_sandbox():
    code = (
        "import datetime, json, sys; from tmdb_assets.tmdb.sandbox import daily_figures;"
        "print(json.dumps(daily_figures(json.loads(sys.argv[1]), datetime.date(2026, 3, 15))));"
        "heavy = {'dagster', 'sqlalchemy', 'pandas', 'requests'} & set(sys.modules); assert not heavy, heavy"
    )
    command = [sys.executable, "-c", code, json.dumps(FILM)]
    done = subprocess.run(command, cwd=REPO, env={"PYTHONHASHSEED": "7"}, capture_output=True, text=True, check=True)
    assert tuple(json.loads(done.stdout)) == daily_figures(FILM, DAY)


def test_clients_that_hang_up_disturb_nobody(url, capfd, caplog):
    caplog.set_level(logging.INFO)
    request = REQUEST % (101, 1, b"")
    for text in (b"", b"GET /3/mov", request, request * 200, REQUEST % (101, 1, b"Content-Length: 50\r\n") + b"half"):
        plain = dial(url)
        # Lingering for 0 s makes close() a reset, the rudest way to go.
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        plain.sendall(text)
        plain.close()
    assert get(url, "/movie/101")[0] == 200
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


def test_64_clients_at_once(url):
    statuses, start = [], threading.Barrier(64)

    def client():
        connection = connect(url)
        start.wait(5)
        statuses.extend(ask(connection, f"/movie/{movie_id}")[0] for movie_id in (101, 102, 999))
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(statuses) == [200] * 128 + [404] * 64


def test_stop_closes_open_connections_and_ends_the_thread(sample, capfd, caplog):
    before = set(threading.enumerate())
    running = make_sandbox(sample)
    url = running.start()
    assert running.start() == url
    connections = [connect(url) for _ in range(5)]
    for connection in connections:
        ask(connection, "/movie/101")
    connections[0].sock.sendall(b"GET /3/half")
    connections[1].sock.sendall(REQUEST % (101, 1, b"") * 2000)  # answers that nobody reads
    (thread,) = set(threading.enumerate()) - before
    assert thread.daemon
    running.stop()
    assert not thread.is_alive()
    assert [connection.sock.recv(1) for connection in connections[2:]] == [b""] * 3
    for connection in connections:
        connection.close()
    with pytest.raises(ConnectionRefusedError):
        dial(url)
    running.stop()  # once more is no harm
    with running:
        assert get(running.start(), "/movie/101")[0] == 200
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


def test_it_starts_at_once_and_answers_fast(sample):
    starts, rates = [], []
    for _ in range(3):  # the best of three: other work on the machine is not its fault
        begin = time.perf_counter()
        with make_sandbox(sample) as running:
            connection = connect(running.start())
            assert ask(connection, "/movie/101")[0] == 200
            starts.append(time.perf_counter() - begin)
            begin = time.perf_counter()
            assert {ask(connection, "/discover/movie")[0] for _ in range(200)} == {200}
            rates.append(200 / (time.perf_counter() - begin))
            connection.close()
    assert min(starts) < 0.2
    assert max(rates) > 500


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("films.jsonl", json.dumps(BARE) + "\nnot json\n", "line 2"),
        ("films.jsonl", json.dumps(BARE | {"genres": [4711]}), "4711"),
        ("films.jsonl", json.dumps({key: value for key, value in BARE.items() if key != "runtime"}), "runtime"),
        ("films.jsonl", json.dumps(BARE | {"release_date": "2026-13-01"}), "line 1"),
        ("genres.csv", "key,name\n18,Drama\n", "'id'"),
        ("genres.csv", "id,name\neighteen,Drama\n", "eighteen"),
        ("languages.csv", None, "No such file"),
    ],
)
def test_a_sample_that_cannot_be_used_is_named(sample, tmp_path, file, text, told):
    for path in sample.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / file).unlink()
    if text is not None:
        (tmp_path / file).write_text(text, encoding="utf-8")
    threads = threading.active_count()
    with pytest.raises(SandboxError) as caught:
        make_sandbox(tmp_path).start()
    assert [word in str(caught.value) for word in (file, told, "TMDB_TOKEN")] == [True, True, True]
    assert threading.active_count() == threads


@pytest.mark.parametrize("release_date", ["1979-05-25", "2026-02-01", ""])
def test_votes_never_fall_and_averages_drift_little(release_date):
    figures = [daily_figures(FILM | {"release_date": release_date}, day) for day in TWO_YEARS]
    counts = [votes for _, _, votes in figures]
    assert counts == sorted(counts)
    assert counts[0] < 3000 < counts[-1] < 4500
    averages = [average for _, average, votes in figures if votes]
    assert all(8.05 <= average <= 8.15 for average in averages)
    assert max(abs(b - a) for a, b in itertools.pairwise(averages)) <= 0.01
    assert len(set(averages)) > 20


def test_popularity_moves_every_day_but_smoothly():
    figures = [daily_figures(FILM, day)[0] for day in TWO_YEARS]
    steps = [abs(math.log(b / a)) for a, b in itertools.pairwise(figures)]
    assert (min(steps) > 0, statistics.median(steps) > 0.005, max(steps) < 0.25) == (True, True, True)
    assert 15 < statistics.mean(figures) < 25


def test_a_new_film_peaks_at_its_release_and_fades():
    film, release = FILM | {"release_date": "2026-02-01"}, dt.date(2026, 2, 1)
    before, eve, day, month, year = (daily_figures(film, release + dt.timedelta(days=n)) for n in (-90, -1, 0, 30, 200))
    assert before[0] < eve[0] < 1.3 * day[0]
    assert day[0] > month[0] > year[0]
    assert day[0] > 2 * year[0]
    assert (before[1:], eve[1:]) == ((0.0, 0), (0.0, 0))
    assert 0 < day[2] < month[2] < year[2]


def test_more_popular_films_gain_more_votes():
    def gain(popularity):
        film = FILM | {"popularity": popularity}
        return daily_figures(film, dt.date(2026, 12, 31))[2] - daily_figures(film, dt.date(2026, 1, 1))[2]

    assert gain(2.0) < gain(20.0) < gain(200.0)
    assert gain(20.0) == pytest.approx(728, rel=0.02)  # a tenth of the popularity in each of 364 days


@pytest.mark.parametrize("popularity", [0, 0.001, 5_000.0])
def test_extreme_seeds_stay_on_the_scale(popularity):
    for day in TWO_YEARS[::10]:
        loved = BARE | {"popularity": popularity, "vote_average": 10, "vote_count": 10_000}
        figures = daily_figures(loved, day)
        assert (0 < figures[0] <= 1000, 9.9 < figures[1] <= 10, figures[2] > 0) == (True, True, True)
        assert daily_figures(loved | {"vote_count": 0}, day)[1:] == (0.0, 0)


def test_the_shipped_sample_is_served_whole():
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
