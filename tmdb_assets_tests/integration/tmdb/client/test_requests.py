"""What the client sends, to which host, and how it reads good answers."""

import datetime as dt
import gzip
import json
import sys

import certifi
import pytest

from tmdb_assets.tmdb import errors
from tmdb_assets_tests.cases.client_sample import TOKEN
from tmdb_assets_tests.fakes.scripted_server import NOT_FOUND, OK, reply


def test_a_request_carries_the_token_in_its_header_only(server, connect, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    before = dt.datetime.now(dt.UTC)
    answer = connect(token=f" {TOKEN}\n").get("/movie/1", language="en-US", page=None, text="a b&c")
    path, headers = server.seen[0]
    assert path == "/3/movie/1?language=en-US&text=a+b%26c"
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert headers["Accept-Encoding"] == "gzip"
    assert headers["User-Agent"].startswith("tmdb-assets/")
    assert (answer.status, answer.payload, answer.removed_characters) == (200, OK, 0)
    assert before <= answer.fetched_at <= dt.datetime.now(dt.UTC)


def test_a_proxy_is_used_for_other_hosts(server, connect, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{server.server_port}")
    assert connect("http://api.example/3").get("/movie/1").payload == OK
    assert server.paths == ["http://api.example/3/movie/1"]


def test_gzip_cleaning_keep_alive_and_counts(server, connect):
    packed = gzip.compress(rb'{"id": 1, "title": "A\u0000B", "overview": "' + b"x" * 9000 + b'"}')
    server.plays_at("/movie/1", reply(200, packed, {"Content-Encoding": "gzip"}))
    client = connect()
    answer = client.get("/movie/1")
    assert (answer.payload["title"], len(answer.payload["overview"]), answer.removed_characters) == ("AB", 9000, 1)
    stats = client.stats.snapshot()
    assert (stats["requests"], stats["bytes"], stats["removed_characters"]) == (1, len(packed), 1)


def test_a_redirect_is_not_followed(server, connect):
    other = reply(302, b"", {"Location": f"http://localhost:{server.server_port}/3/movie/2"})
    server.plays_at("/movie/1", other)
    with pytest.raises(errors.BadRequestError, match="to protect the token"):
        connect().get("/movie/1")
    assert server.paths == ["/3/movie/1"]


@pytest.mark.parametrize("status", [301, 401, 403, 422, 429, 500, 200])
def test_the_token_is_in_no_message_even_when_the_server_echoes_it(server, connect, status, caplog):
    echo = {"status_code": 7, "status_message": f"Bearer {TOKEN} is bad", TOKEN: TOKEN}
    headers = {"Location": f"https://{TOKEN}.example/{TOKEN}", "Retry-After": TOKEN}
    server.plays_at("/movie/1", reply(status, json.dumps([echo] if status == 200 else echo).encode(), headers))
    client = connect()
    with caplog.at_level("DEBUG"), pytest.raises(errors.TmdbError) as caught:
        client.get("/movie/1")
    shown = f"{caught.getrepr(style='long')} {caught.value!r} {client!r} {client.stats!r} {caplog.text}"
    assert TOKEN.lower() not in shown.lower()


@pytest.mark.parametrize("token", ["", "  ", "two words", "line\nbreak", "päss", "nul\0"])
def test_a_token_that_no_header_can_carry_is_refused_and_not_shown(connect, token):
    with pytest.raises(errors.UnauthorizedError, match="TMDB_TOKEN is not a token") as caught:
        connect(token=token)
    assert not token.strip() or token not in str(caught.value)


def test_unusable_addresses_and_certificates_are_named(connect, monkeypatch):
    for address in ("http://", "http://host:99999/3", "http://[::1/3"):
        with pytest.raises(errors.UnreachableError, match="TMDB_API_URL"):
            connect(address)
    monkeypatch.setenv("HTTP_PROXY", "http://name:pass-word@")
    with pytest.raises(errors.UnreachableError, match=r"HTTPS_PROXY .* is not a usable address") as caught:
        connect("http://api.example/3")
    assert "pass-word" not in str(caught.value)


@pytest.mark.parametrize(
    ("proxy", "said"),
    [
        ("socks5h://me:pass-word@127.0.0.1:1080", r"names a SOCKS proxy, which needs the package PySocks"),
        ("SOCKS4://127.0.0.1:1080", r"names a SOCKS proxy, which needs the package PySocks"),
        ("ftp://me:pass-word@127.0.0.1:1080", r"is not the address of an HTTP or SOCKS proxy"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_named_at_once(connect, monkeypatch, proxy, said):
    monkeypatch.setitem(sys.modules, "socks", None)  # as where PySocks is not installed
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(errors.UnreachableError, match=said) as caught:
        connect("https://api.example/3")
    assert "ALL_PROXY" in str(caught.value)
    assert "pass-word" not in str(caught.value)
    connect("http://127.0.0.1:1/3")  # the sandbox needs no proxy


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_certificates_that_are_not_there_are_named_with_their_variable(connect, monkeypatch, tmp_path, variable):
    empty, words, folder = tmp_path / "empty.pem", tmp_path / "words.pem", tmp_path / "folder"
    empty.touch()
    words.write_text("no certificate\n")
    folder.mkdir()
    said = {
        "/nowhere/bundle.pem": "cannot be read: No such file or directory",
        str(empty): "has no certificate in PEM format",
        str(words): "has no certificate in PEM format",
        str(folder): "is a folder without certificates",
    }
    for bundle, fault in said.items():
        monkeypatch.setenv(variable, bundle)
        with pytest.raises(errors.UnreachableError) as caught:
            connect("https://api.example/3")
        assert str(caught.value).startswith(f"{bundle}, named by {variable}, {fault}")
        assert "network" not in str(caught.value)
        connect("http://api.example/3")  # needs none
    for bundle in (certifi.where(), ""):
        monkeypatch.setenv(variable, bundle)
        connect("https://api.example/3")
    (folder / "5ed36f99.0").touch()
    monkeypatch.setenv(variable, str(folder))
    connect("https://api.example/3")


def test_a_missing_film_is_an_answer(server, connect):
    server.plays_at("/movie/404", reply(404, NOT_FOUND))
    client = connect()
    answers = dict(client.details([1, 404]))
    assert (answers[404].status, answers[404].payload, answers[1].payload) == (404, None, OK)
    assert client.stats.not_found == 1
    assert sorted(server.paths) == ["/3/movie/1?language=en-US", "/3/movie/404?language=en-US"]


def test_reference_lists(server, connect):
    server.plays_at(
        "/genre/movie/list", reply(200, {"genres": [{"id": 18, "name": "Drame"}]}), reply(200, {"genres": 5})
    )
    server.plays_at("/configuration/countries", reply(200, [{"iso_3166_1": "FR"}]), reply(404, NOT_FOUND))
    client = connect(language="fr-FR")
    assert client.reference("/genre/movie/list") == [{"id": 18, "name": "Drame"}]
    assert client.reference("/configuration/countries") == [{"iso_3166_1": "FR"}]
    assert server.paths[:2] == [
        "/3/genre/movie/list?language=fr-FR",
        "/3/configuration/countries?language=fr-FR",
    ]
    with pytest.raises(errors.UnreadableAnswerError, match="no list of genres"):
        client.reference("/genre/movie/list")
    with pytest.raises(errors.BadRequestError, match="ends in /3"):
        client.reference("/configuration/countries")
