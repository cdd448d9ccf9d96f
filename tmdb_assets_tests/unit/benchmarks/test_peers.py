"""The load server's days with a fault, which the comparison with other tools is made of."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import films
from benchmarks.answers import TOKEN, Answers, FilmAnswers, Traffic
from benchmarks.troubled import IMPOSSIBLE_RATING, NO_NUMBER, TROUBLES, TroubledAnswers, troubled_film

DAY = dt.date(2026, 1, 31)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("films")
    films.write_films(made, 40)
    return made


def answer_to(answers: Answers, path: str) -> tuple[int, Any]:
    head, _, body = answers.find(f"GET /3{path} HTTP/1.1\r\nauthorization: Bearer {TOKEN}\r\n\r\n".encode()).partition(
        b"\r\n\r\n"
    )
    return int(head.split(b" ")[1]), json.loads(body)


@pytest.mark.parametrize("trouble", TROUBLES)
def test_only_one_film_has_the_fault_and_it_is_on_the_change_list(trouble: str, folder: Path) -> None:
    plain = films.read_films(folder, DAY).films
    catalogue = films.read_films(folder, DAY)
    number = troubled_film(catalogue)
    answers = TroubledAnswers(catalogue, Traffic(0), trouble)
    status, details = answer_to(answers, f"/movie/{number}")
    listed = [film for page in (1, 2) for film in answer_to(answers, f"/discover/movie?page={page}")[1]["results"]]
    (shown,) = [film for film in listed if film["id"] == number]
    assert len(listed) == 40
    assert status == (404 if trouble == "missing" else 200)
    if trouble == "genre":
        assert details["genres"] == plain[number]["genres"][1:]
    elif trouble == "rating":
        assert (details["vote_average"], shown["vote_average"]) == (IMPOSSIBLE_RATING, IMPOSSIBLE_RATING)
    elif trouble == "text":
        assert (details["vote_count"], shown["vote_count"]) == (NO_NUMBER, NO_NUMBER)
    changed = answer_to(answers, f"/movie/changes?page=1&start_date={DAY}&end_date={DAY}")[1]["results"]
    assert [film["id"] for film in changed] == [number]
    others = [film for film in plain if film != number]
    assert [answer_to(answers, f"/movie/{film}") for film in others] == [(200, plain[film]) for film in others]


def test_details_bring_the_parts_that_are_requested(folder: Path) -> None:
    answers = FilmAnswers(films.read_films(folder, DAY), Traffic(0))
    number = films.film_id(1)
    plain, whole = (
        answer_to(answers, f"/movie/{number}{query}")[1]
        for query in ("", "?append_to_response=credits%2Ckeywords%2Crelease_dates")
    )
    assert whole.keys() - plain.keys() == {"credits", "keywords", "release_dates"}
    assert len(whole["credits"]["crew"]) > 0
