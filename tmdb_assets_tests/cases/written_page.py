"""Dashboards written to a file without a database, and the six films of most tests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from tmdb_assets.dashboard.build import build_page
from tmdb_assets_tests.cases.dashboard_figures import film, history_of, make_figures

MARKUP = "</script><img src=x onerror=alert(1)>"
FILMS = [
    film(1, "Amélie", original_title="Le Fabuleux Destin", release_year=2001, original_language="fr", genres=[35])
    | {"countries": ["FR"], "vote_average": 7.9, "vote_count": 900},
    film(2, "Alien", release_year=1979, genres=[27, 878], vote_average=8.2, vote_count=2000),
    film(3, "Spirited Away", original_title="千と千尋の神隠し", release_year=2001, original_language="ja")
    | {"countries": ["JP"], "vote_average": 8.5, "vote_count": 1500},
    film(4, "La Strada", release_year=1954, original_language="fr", countries=["IT", "FR"], vote_count=300),
    film(5, "Heat", release_year=1995, genres=[28, 18], vote_count=700, people=[287, 288]),
    film(6, MARKUP, release_year=None, original_language=None, genres=[], countries=[])
    | {"vote_average": None, "vote_count": None},
]
# Nine days up to 2026-07-29; the last two films have no value a week before.
POPULARITY = {
    1: [10.0, 12, 14, 16, 18, 20, 22, 24, 60],
    2: [50.0, 50, 50, 50, 50, 50, 50, 50, 50],
    3: [70.0, 60, 55, 50, 48, 47, 46, 45, 40],
    4: [1.0, 2, 3, 4, 5, 6, 7, 8, 30],
    5: [None, None, None, None, None, None, 90.0, 80, 20],
    6: [None, None, None, None, None, None, None, None, 10.0],
}


def write(path: Path, films: list[dict[str, Any]], popularity: dict[int, list[float | None]], **more: Any) -> str:
    """Write the page of these films and their days to `path`; return its address. `more` are fields of `Figures`."""
    frame = pd.DataFrame(films, columns=None if films else [*film(1, "")])
    figures = replace(make_figures(frame, history_of(popularity)), **more)
    path.write_text(build_page(figures, source="TMDb", is_sample=True), "utf-8")
    return path.as_uri()
