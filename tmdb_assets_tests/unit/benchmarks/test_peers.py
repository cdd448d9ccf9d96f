"""What the comparison with others is made of: days that go wrong, and the words on them."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import films
from benchmarks.answers import TOKEN, Traffic
from benchmarks.peers import __main__ as peers
from benchmarks.peers.contenders import DLT_FIGURES, contenders
from benchmarks.troubled import IMPOSSIBLE_RATING, NO_NUMBER, TROUBLES, TroubledAnswers, troubled_film

DAY = dt.date(2026, 1, 31)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("films")
    films.write_films(made, 40)
    return made


def ask(answers: TroubledAnswers, path: str) -> tuple[int, Any]:
    """Status and body."""
    head, _, body = answers.find(f"GET /3{path} HTTP/1.1\r\nauthorization: Bearer {TOKEN}\r\n\r\n".encode()).partition(
        b"\r\n\r\n"
    )
    return int(head.split(b" ")[1]), json.loads(body)


@pytest.mark.parametrize("trouble", TROUBLES)
def test_one_film_has_the_trouble_and_stands_on_the_change_list(trouble: str, folder: Path) -> None:
    plain = films.read_films(folder, DAY).films
    catalogue = films.read_films(folder, DAY)
    number = troubled_film(catalogue)
    answers = TroubledAnswers(catalogue, Traffic(0), trouble)
    status, details = ask(answers, f"/movie/{number}")
    listed = [film for page in (1, 2) for film in ask(answers, f"/discover/movie?page={page}")[1]["results"]]
    (shown,) = [film for film in listed if film["id"] == number]
    assert len(listed) == 40
    assert status == (404 if trouble == "missing" else 200)
    if trouble == "genre":
        assert details["genres"] == plain[number]["genres"][1:]
    elif trouble == "rating":
        assert (details["vote_average"], shown["vote_average"]) == (IMPOSSIBLE_RATING, IMPOSSIBLE_RATING)
    elif trouble == "text":
        assert (details["vote_count"], shown["vote_count"]) == (NO_NUMBER, NO_NUMBER)
    changed = ask(answers, f"/movie/changes?page=1&start_date={DAY}&end_date={DAY}")[1]["results"]
    assert [film["id"] for film in changed] == [number]
    others = [film for film in plain if film != number]
    assert [ask(answers, f"/movie/{film}") for film in others] == [(200, plain[film]) for film in others]


def test_every_figure_is_asked_of_every_contender() -> None:
    made = contenders(Path("python"))
    assert [contender.name for contender in made] == ["script", "dlt", "tmdb-assets"]
    assert set(DLT_FIGURES) == set(films.FIGURES)
    assert all(str(DAY) in contender.command(str(DAY)) for contender in made)


def test_the_table_holds_medians(capsys: pytest.CaptureFixture[str]) -> None:
    rounds = [{"wall_s": wall, "cpu_s": 2.0, "peak_mb": 100.4, "requests": 2100} for wall in (3.0, 1.0, 2.0)]
    peers.print_table({"dlt": {"first run": rounds}})
    assert capsys.readouterr().out.splitlines()[2:] == ["| dlt, first run | 2.0 | 2.0 | 100 | 2,100 |"]
