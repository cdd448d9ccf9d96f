"""The sandbox's daily id exports."""

import datetime as dt
import gzip
import http.client
import json
from urllib.parse import urlsplit

import pytest

from tmdb_assets.tmdb.sandbox.catalogue import daily_figures
from tmdb_assets.tmdb.sandbox.server import Sandbox
from tmdb_assets_tests.cases.sandbox_sample import DAY, FILMS, RECORDINGS, days_ago, get, make_sandbox, shape
from tmdb_assets_tests.stage.waiting import PATIENCE_S


def download(base, name):
    """One request without a token: status, headers and body."""
    parts = urlsplit(base)
    connection = http.client.HTTPConnection(parts.netloc, timeout=PATIENCE_S)
    connection.request("GET", f"{parts.path}/{name}")
    answer = connection.getresponse()
    found = answer.status, answer.headers, answer.read()
    connection.close()
    return found


def name_of(day):
    return f"movie_ids_{day:%m_%d_%Y}.json.gz"


def lines_of(body):
    return [json.loads(line) for line in gzip.decompress(body).decode().removesuffix("\n").split("\n")]


@pytest.mark.parametrize("ago", [0, 1, 74, 90])
def test_an_export_has_the_popularity_of_its_day(running, ago):
    status, headers, body = download(running.export_url, name_of(days_ago(ago)))
    assert (status, headers["Content-Type"], headers["Content-Encoding"]) == (200, "application/gzip", None)
    lines = sorted(lines_of(body), key=lambda line: line["id"])
    figures = [(film["id"], film["original_title"], daily_figures(film, days_ago(ago))[0]) for film in FILMS]
    assert [(line["id"], line["original_title"], line["popularity"]) for line in lines] == figures
    assert {(line["adult"], line["video"]) for line in lines} == {(False, False)}


def test_lines_are_unordered_and_titles_in_their_own_script(running):
    text = gzip.decompress(download(running.export_url, name_of(DAY))[2]).decode()
    assert text.endswith("}\n")
    ids = [json.loads(line)["id"] for line in text.splitlines()]
    assert len(ids) == len(set(ids)) == len(FILMS)
    assert ids != sorted(ids)
    assert '"original_title":"Реки"' in text


def test_a_line_is_written_as_tmdb_writes_it(running):
    path = RECORDINGS / "export" / "movie_ids_sample.json"
    if not path.exists():
        pytest.skip("no recorded export next to the repository")
    recorded = path.read_text(encoding="utf-8").splitlines()[0]
    own = gzip.decompress(download(running.export_url, name_of(DAY))[2]).decode().splitlines()[0]
    assert list(json.loads(own)) == list(json.loads(recorded))
    assert shape(json.loads(own)) == shape(json.loads(recorded))
    assert own.startswith('{"adult":false,"id":')
    assert recorded.startswith('{"adult":false,"id":')


def test_todays_export_agrees_with_discover(running):
    pages = [get(running.start(), f"/discover/movie?page={page}")[1]["results"] for page in (1, 2, 3)]
    seen = {film["id"]: film["popularity"] for page in pages for film in page}
    assert seen == {line["id"]: line["popularity"] for line in lines_of(download(running.export_url, name_of(DAY))[2])}


WRONG_NAMES = ["movie_ids_02_30_2026.json.gz", "movie_ids_13_01_2026.json.gz", "movie_ids_01_01_0000.json.gz"]
WRONG_NAMES += ["movie_ids_2026_03_15.json.gz", "movie_ids_3_15_2026.json.gz", "movie_ids_03_15_2026.json"]
WRONG_NAMES += ["tv_series_ids_03_15_2026.json.gz", "", "../../3/movie/101"]


@pytest.mark.parametrize("name", [name_of(days_ago(-1)), name_of(days_ago(91)), name_of(days_ago(500)), *WRONG_NAMES])
def test_other_days_and_files_are_missing(running, name):
    status, _, body = download(running.export_url, name)
    assert (status, json.loads(body)["status_code"]) == (404, 34)


def test_a_days_export_is_the_same_to_the_byte_on_every_day(sample, running):
    name = name_of(days_ago(10))
    with make_sandbox(sample, DAY + dt.timedelta(days=30)) as later:
        bodies = {download(sandbox.export_url, name)[2] for sandbox in (running, running, later)}
        assert len(bodies) == 1
        assert bodies.isdisjoint({download(running.export_url, name_of(days_ago(9)))[2]})


def test_the_shipped_sample_is_exported_completely():
    with Sandbox(DAY) as sandbox, Sandbox(days_ago(30)) as earlier:
        total = get(earlier.start(), "/discover/movie")[1]["total_results"]
        lines = lines_of(download(sandbox.export_url, name_of(days_ago(30)))[2])
    assert len({line["id"] for line in lines}) == len(lines) == total
    assert all(line["popularity"] > 0 for line in lines)
