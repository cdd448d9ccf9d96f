"""A small sample in the files that the sandbox reads, and a plain HTTP client."""

import datetime as dt
import http.client
import json
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tmdb_assets.tmdb.sandbox.server import Sandbox
from tmdb_assets_tests.stage.waiting import PATIENCE_S

RECORDINGS = Path(__file__).resolve().parents[3] / "shared" / "tmdb"
DAY = dt.date(2026, 3, 15)
AUTH = {"Authorization": f"Bearer {Sandbox.token}"}
REQUEST = b"GET /3/movie/%d HTTP/1.%d\r\nAuthorization: Bearer sandbox\r\n%s\r\n"

FACTS = {"id": 101, "imdb_id": "tt0000101", "title": "Rivers", "original_title": "Реки", "original_language": "ru"}
FACTS |= {"release_date": "1979-05-25", "runtime": 162, "budget": 1_000_000, "revenue": 2_923_706_026}
FACTS |= {"homepage": "", "status": "Released"}
FILM = FACTS | {"genres": [878, 18], "production_countries": ["SU", "DE"], "spoken_languages": ["ru", "cn"]}
FILM |= {"production_companies": [{"id": 88367, "name": "Мосфильм", "origin_country": "SU"}]}
FILM |= {"collection": {"id": 9, "name": "Rivers"}, "vote_average": 8.1, "vote_count": 3000, "popularity": 20.0}
NO_FACTS = {key: [] for key in ("genres", "production_countries", "spoken_languages", "production_companies")}
BARE = FILM | NO_FACTS | {"id": 102, "imdb_id": None, "release_date": "", "runtime": 0, "budget": 0, "revenue": 0}
BARE |= {"collection": None, "vote_average": 0, "vote_count": 0, "popularity": 0.4}
PEOPLE = {"cast": [["Bo Lind", "A man"], ["Agnes Reed", ""]], "crew": {"Director": ["Agnes Reed"]}}
PEOPLE |= {"keywords": ["river"], "releases": [["DE", "Premiere", "1979-05-01", "12"]]}
NOBODY = {"cast": [], "crew": {}, "keywords": [], "releases": []}
FILMS = [FILM, BARE]
FILMS += [FILM | {"id": 200 + i, "release_date": f"{1930 + 2 * i}-03-01", "popularity": 1 + i % 7} for i in range(43)]


def write_sample(folder, films=FILMS):
    """Write the five files to a folder, and return it."""
    credits_ = [{"id": film.get("id")} | (NOBODY if film.get("id") == 102 else PEOPLE) for film in films]
    files = {
        "credits.jsonl": "".join(json.dumps(one) + "\n" for one in credits_),
        "films.jsonl": "".join(json.dumps(film, ensure_ascii=False) + "\n" for film in films),
        "people.csv": "name,gender\nAgnes Reed,1\n",
        "genres.csv": "id,name\n18,Drama\n878,Science Fiction\n",
        "languages.csv": "iso_639_1,english_name,name\ncn,Cantonese,广州话\nru,Russian,Pусский\nsh,Serbo-Croatian,\n",
        "countries.csv": 'iso_3166_1,name,continent,note\nDE,Germany,Europe,\nSU,Soviet Union,Europe,"former, as RU"\n',
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def make_sandbox(sample, day=DAY):
    return Sandbox(day, sample, sample / "countries.csv")


def days_ago(count):
    return DAY - dt.timedelta(days=count)


def connect(url):
    return http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE_S)


def request(connection, path, headers=AUTH):
    connection.request("GET", "/3" + path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()


def get(url, path, headers=AUTH):
    """Send one request on its own connection; return status and parsed body."""
    connection = connect(url)
    status, headers, body = request(connection, path, headers)
    connection.close()
    assert headers["Content-Type"] == "application/json;charset=utf-8"
    return status, json.loads(body)


def dial(url):
    return socket.create_connection((urlsplit(url).hostname, urlsplit(url).port), timeout=PATIENCE_S)


def speak(url, text):
    """Send raw bytes; return all that arrives until the server closes."""
    with dial(url) as plain, plain.makefile("rb") as answer:
        plain.sendall(text)
        return answer.read()


def recording(*parts):
    path = RECORDINGS.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"no recording {'/'.join(parts)} next to the repository")
    return json.loads(path.read_text(encoding="utf-8"))


def shape(value):
    """Return keys and types of a JSON value, of lists the first item; images, missing in the sandbox, count as None."""
    if isinstance(value, dict):
        return {key: "NoneType" if key.endswith("_path") else shape(item) for key, item in value.items()}
    return [shape(item) for item in value[:1]] if isinstance(value, list) else type(value).__name__
