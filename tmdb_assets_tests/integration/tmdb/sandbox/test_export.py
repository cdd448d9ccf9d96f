"""The sandbox's daily id export over real loopback HTTP."""

import datetime as dt
import gzip
import http.client
import json
from urllib.parse import urlsplit

import pytest

from tmdb_assets.tmdb.sandbox.catalogue import daily_figures
from tmdb_assets.tmdb.sandbox.server import Sandbox
from tmdb_assets_tests.cases.sandbox_sample import DAY, FILMS, RECORDINGS, get, make_sandbox, shape
from tmdb_assets_tests.stage.waiting import PATIENCE_S


def download(base, name, method="GET"):
    """One request without a token: status, headers and body."""
    parts = urlsplit(base)
    connection = http.client.HTTPConnection(parts.netloc, timeout=PATIENCE_S)
    connection.request(method, f"{parts.path}/{name}")
    answer = connection.getresponse()
    found = answer.status, answer.headers, answer.read()
    connection.close()
    return found


def name_of(day):
    return f"movie_ids_{day:%m_%d_%Y}.json.gz"


def days_ago(count):
    return DAY - dt.timedelta(days=count)


def lines_of(body):
    return [json.loads(line) for line in gzip.decompress(body).decode().removesuffix("\n").split("\n")]


@pytest.mark.parametrize("ago", [0, 1, 74, 90])
def test_an_export_tells_the_popularity_of_its_day(running, ago):
    status, headers, body = download(running.export_url, name_of(days_ago(ago)))
    assert (status, headers["Content-Type"], headers["Content-Encoding"]) == (200, "application/gzip", None)
    expected = [
        {
            "adult": False,
            "id": film["id"],
            "original_title": film["original_title"],
            "popularity": daily_figures(film, days_ago(ago))[0],
            "video": False,
        }
        for film in FILMS
    ]
    assert sorted(lines_of(body), key=lambda line: line["id"]) == expected


def test_the_lines_are_in_no_order_and_in_their_own_script(running):
    text = gzip.decompress(download(running.export_url, name_of(DAY))[2]).decode()
    assert text.endswith("}\n")
    ids = [json.loads(line)["id"] for line in text.splitlines()]
    assert len(ids) == len(set(ids)) == len(FILMS)
    assert ids != sorted(ids)
    assert '"original_title":"Реки"' in text


def test_a_line_is_written_as_tmdb_writes_it(running):
    path = RECORDINGS / "export" / "movie_ids_sample.json"
    if not path.exists():
        pytest.skip("no recorded export beside the repository")
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
def test_other_days_and_files_are_not_there(running, name):
    status, _, body = download(running.export_url, name)
    assert (status, json.loads(body)["status_code"]) == (404, 34)


@pytest.mark.parametrize(("last", "statuses"), [(1, [404, 200]), (0, [200, 200]), (-5, [200, 200]), (2, [404, 404])])
def test_todays_is_there_once_it_is_published(sample, last, statuses):
    with make_sandbox(sample, last_export=days_ago(last)) as sandbox:
        base = sandbox.export_url
        assert [download(base, name_of(days_ago(ago)))[0] for ago in (0, 1)] == statuses
        assert [download(base, name_of(days_ago(ago)))[0] for ago in (-1, 3, 90, 91)] == [404, 200, 200, 404]


def test_a_days_export_is_the_same_to_the_byte_on_every_day(sample, running):
    name = name_of(days_ago(10))
    with make_sandbox(sample, DAY + dt.timedelta(days=30)) as later:
        bodies = {download(sandbox.export_url, name)[2] for sandbox in (running, running, later)}
        assert len(bodies) == 1
        assert bodies.isdisjoint({download(running.export_url, name_of(days_ago(9)))[2]})


def test_the_files_are_neither_guarded_nor_counted(sample):
    with make_sandbox(sample, rate=1, clock=lambda: 0.0) as sandbox:
        assert get(sandbox.start(), "/movie/101")[0] == 200
        assert [download(sandbox.export_url, name_of(DAY))[0] for _ in range(3)] == [200] * 3
        assert get(sandbox.start(), "/movie/101")[0] == 429


def test_head_has_the_length_and_other_methods_are_refused(running):
    status, headers, body = download(running.export_url, name_of(DAY), "HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["Content-Length"]) == len(download(running.export_url, name_of(DAY))[2])
    assert download(running.export_url, name_of(DAY), "POST")[0] == 405


def test_the_exports_have_an_address_while_it_runs(sample):
    sandbox = make_sandbox(sample)
    with pytest.raises(RuntimeError, match="start it first"):
        _ = sandbox.export_url
    with sandbox:
        assert sandbox.export_url == sandbox.start().removesuffix("/3") + "/p/exports"
    with pytest.raises(RuntimeError, match="start it first"):
        _ = sandbox.export_url


def test_the_shipped_sample_is_exported_whole():
    with Sandbox(DAY) as sandbox:
        total = get(sandbox.start(), "/discover/movie")[1]["total_results"]
        lines = lines_of(download(sandbox.export_url, name_of(days_ago(30)))[2])
    assert len({line["id"] for line in lines}) == len(lines) == total
    assert all(line["popularity"] > 0 for line in lines)
