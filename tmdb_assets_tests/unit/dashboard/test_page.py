"""The page: self-contained, of the stated size, and with no script but its own."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from dataclasses import replace

import pandas as pd
import pytest

from tmdb_assets.assets.dashboard import MOST_DETAILED
from tmdb_assets.dashboard.build import build_page
from tmdb_assets.dashboard.colours import DARK, GRAPHIC_CONTRAST, LIGHT, MAX_CURVES, TEXT_CONTRAST, contrast
from tmdb_assets.dashboard.page_data import matrix
from tmdb_assets_tests.cases.dashboard_figures import film, history_of, make_figures, noisy_details, noisy_figures
from tmdb_assets_tests.stage.opened_page import data_of, details_of

EVIL = "</script><img src=x onerror=alert(1)>"
ATTRIBUTION = "This product uses the TMDB API but is not endorsed or certified by TMDB."


def build(rows, popularity, *, is_sample=False):
    films = pd.DataFrame(rows, columns=None if rows else [*film(1, "")])
    return build_page(make_figures(films, history_of(popularity)), source="TMDb", is_sample=is_sample)


def test_the_data_in_the_page():
    rows = [
        film(
            7,
            "Amélie",
            original_title="Le Fabuleux Destin",
            genres=[18, 35],
            countries=["FR"],
            people=[287, 1],
            n_directors=1,
        )
    ]
    rows += [film(9, "Bare", original_title=None, release_year=None, vote_average=None, vote_count=None, genres=[])]
    rows[1] |= {"countries": [], "original_language": None}
    data = data_of(build(rows, {7: [1.0] * 7 + [None, 4.25], 9: [2.00004]}))
    assert data["days"] == [f"2026-07-{day}" for day in (21, 22, 23, 24, 25, 26, 27, 29)]
    assert data["snapshot_date"] == "2026-07-29"
    assert data["exact"] == {"1": [1.0, None], "7": [4.25, 2.0]}  # a week before, and the newest
    assert (data["genres"], data["countries"]) == ([[18, "Drama"], [35, "Comedy"]], [["FR", "France", "Europe"]])
    assert data["languages"] == [["en", "English"]]
    assert data["films"] == {
        "id": ["7", "9"],
        "title": ["Amélie", "Bare"],
        "original": ["Le Fabuleux Destin", None],
        "year": [2020, None],
        "rating": [6.5, None],
        "votes": [100, None],
        "language": [0, -1],
        "genres": [[0, 1], []],
        "countries": [[0], []],
        "people": [[1, 0], []],
        "directors": [1, 0],
    }
    assert data["people_ids"] == [1, 287]
    assert data["people"] == ["1", "Zoë Person-0"]  # the name of person 1 is unknown


def test_titles_and_names_are_not_in_the_html():
    page = build([film(1, EVIL, original_title=EVIL.upper())], {1: [1.0, 2.0]})
    assert "onerror" not in page
    assert data_of(page)["films"]["title"] == [EVIL]


def test_the_policy_allows_only_the_pages_own_script_and_style():
    page = build([film(1, "One")], {1: [1.0, 2.0]})
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    (script,) = re.findall(r'<script type="module">(.*?)</script>', page, re.DOTALL)
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = {text: base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (script, style)}
    assert policy == (
        f"default-src 'none'; script-src 'sha256-{digest[script]}'; style-src 'sha256-{digest[style]}'; "
        "img-src data: https://image.tmdb.org; base-uri 'none'; form-action 'none'"
    )
    assert re.findall(r"<(?:link|script|img|iframe)[^>]+(?:src|href)=\"(?!data:)", page) == []
    links = {"https://image.tmdb.org/t/p/w342", "https://image.tmdb.org;"}  # posters, when they are switched on
    assert set(re.findall(r"https?://[^\s\"'`)]+", page)) == {"http://www.w3.org/2000/svg"} | links
    assert " style=" not in page


def test_the_headline_is_the_film_that_rose_most_this_week():
    week = {7: [30.0] + [1.0] * 6 + [36.0], 9: [2.0] + [1.0] * 6 + [20.0], 8: [90.0] * 8}
    rows = [film(8, "Flat"), film(7, "The Shining"), film(9, "Small & <b>new</b>")]
    assert "Small &amp; &lt;b&gt;new&lt;/b&gt; rose most this week: 2.0 to 20.0." in build(rows, week)  # no percentage
    assert "The Shining rose most this week: 30.0 to 36.0, +20%." in build(rows[:2], week)
    assert "this week" not in build(rows[:1], week)
    assert "this week" not in build(rows, {number: values[-7:] for number, values in week.items()})


@pytest.mark.parametrize("is_sample", [True, False])
def test_the_texts_around_the_figures(is_sample):
    page = build([film(1, "One")], {1: [1.0, 2.0]}, is_sample=is_sample)
    assert ("SAMPLE DATA: generated figures" in page) is is_sample
    assert "Snapshot of 2026-07-29 (UTC)" in page
    assert "one film, 2 days from 2026-07-28" in page
    assert "Source: TMDb" in page
    assert "within 0.05% of its value" in page
    assert ATTRIBUTION in page


def test_without_a_day_the_page_says_so_and_runs_nothing():
    page = build([], {})
    assert "No data yet" in page
    assert "tmdb-assets run" in page
    assert "<script" not in page
    assert ATTRIBUTION in page


def test_ten_thousand_films_and_ninety_days_are_under_three_megabytes():
    figures = noisy_figures(10_000, 90)
    figures = replace(figures, details=noisy_details(figures, MOST_DETAILED))
    started = time.process_time()
    page = build_page(figures, source="TMDb", is_sample=False)
    assert time.process_time() - started < 10  # 3 s on a quiet machine, twice that where cores are shared
    assert len(page.encode()) < 3_000_000
    assert details_of(page)["id"] == data_of(page)["films"]["id"][:MOST_DETAILED]
    assert "the 10,000 most popular of 30,000 films, 90 days from 2026-05-01" in page
    data = data_of(page)
    assert data["films"]["id"] == list(map(str, figures.films["movie_id"]))
    assert data["exact"]["89"] == matrix(figures)[:, -1].round(4).tolist()


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_colours_have_the_contrast_that_wcag_requires(colours):
    assert set(LIGHT) == set(DARK)
    text = [("ink", "panel"), ("ink", "ground"), ("ink", "tile"), ("quiet", "panel"), ("quiet", "ground")]
    text += [("quiet", "tile"), ("accent", "panel"), ("accent", "tile"), ("fall", "panel"), ("fall", "tile")]
    text += [("on-accent", "accent"), ("on-mark", "mark")]
    graphics = [(f"curve-{place}", "panel") for place in range(MAX_CURVES)] + [("edge", "panel"), ("edge", "ground")]
    assert [pair for pair in text if contrast(colours[pair[0]], colours[pair[1]]) < TEXT_CONTRAST] == []
    assert [pair for pair in graphics if contrast(colours[pair[0]], colours[pair[1]]) < GRAPHIC_CONTRAST] == []
    assert contrast("#000000", "#FFFFFF") == 21
