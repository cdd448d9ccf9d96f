"""The pages of quality as text: the verdict, what failed, and nothing foreign as markup."""

from __future__ import annotations

import datetime as dt
import json
import re

import pytest

from tmdb_assets.charts.labels import quality_in_short, quality_verdict
from tmdb_assets.dashboard.quality_page import build_pages
from tmdb_assets.dashboard.quality_parts import completeness, drifted, heat_map, outcomes_of, verdict_of
from tmdb_assets.dashboard.quality_rows import DayDetails, Outcome, QualityRows

DAY = dt.date(2026, 7, 29)
BEFORE = DAY - dt.timedelta(days=1)
EVIL = "<script>alert(1)</script>"
GOOD = [
    Outcome("dim_movie", "contract", True, "warn", "All rows keep it."),
    Outcome("dim_movie", "run", True, "error", ""),
]
WARNS = Outcome(
    "quality_measure", "votes_do_not_fall", False, "warn", "9 of 10 films lost votes. What to do: look at them."
)
FAILS = Outcome("raw_discover", "run", False, "error", f"TMDb refused the token {EVIL}. Set TMDB_TOKEN.")


def rows(more=(), **options):
    measures = {
        BEFORE: {"null_share": {"dim_movie.overview": 0.1}, "status": {"Released": 9}},
        DAY: {"null_share": {"dim_movie.overview": 0.4, "dim_movie.status": 0.0}, "status": {EVIL: 1}},
    }
    given = {
        "newest": DAY,
        "films": {BEFORE: (100, 0), DAY: (120, 30)},
        "outcomes": {BEFORE: GOOD, DAY: [*GOOD, *more]},
        "measures": measures,
        "versions": {BEFORE: "old", DAY: "new"},
        **options,
    }
    return QualityRows(**given)


@pytest.mark.parametrize(
    ("outcomes", "options", "level", "text"),
    [
        ([], {}, "good", "2026-07-29 can be trusted: all 1 checks passed."),
        ([WARNS], {}, "care", "2026-07-29 can be used with care: 1 of 2 checks warns. 9 of 10 films lost votes."),
        (
            [WARNS, FAILS],
            {},
            "bad",
            "Do not rely on 2026-07-29: 1 of 3 checks found figures missing or wrong. "
            f"raw_discover: TMDb refused the token {EVIL}.",
        ),
        ([], {"films": {}}, "bad", "2026-07-29 is not loaded: there are no figures of it."),
        ([], {"films": {}, "outcomes": {}}, "none", "2026-07-29 is not loaded: there are no figures of it."),
        ([], {"films": {DAY: (0, 0)}}, "bad", "2026-07-29 is not loaded: there are no figures of it."),
        ([], {"outcomes": {}}, "none", "Nothing is known of the quality of 2026-07-29: no check has run."),
        (
            [],
            {"films": {DAY: (0, 9)}},
            "care",
            "2026-07-29 can be used with care: popularity only. TMDb was not requested that day, so votes are missing. "
            "All 1 checks passed.",
        ),
        (
            [WARNS],
            {"films": {DAY: (0, 9)}},
            "care",
            "2026-07-29 can be used with care: 1 of 2 checks warns. 9 of 10 films lost votes. Popularity only: TMDb "
            "was not requested that day, so votes are missing.",
        ),
        ([Outcome("fact_movie_daily", "today_is_there", False, "warn", "Not today.")], {}, "good", None),
    ],
)
def test_a_sentence_says_whether_the_day_can_be_trusted(outcomes, options, level, text):
    verdict = verdict_of(rows(outcomes, **options), DAY)
    assert verdict.level == level
    assert text in {None, verdict.text}


def test_the_same_in_short():
    assert quality_in_short(0, 0, 0) == ""
    assert quality_in_short(9, 0, 0) == "All 9 checks of the day passed."
    assert quality_in_short(9, 0, 2) == "To be used with care: 2 of 9 checks warn."
    assert quality_in_short(9, 1, 2) == "Do not rely on them: 1 of 9 checks found figures missing or wrong."
    assert quality_verdict(DAY, 9, ["a", "b"], [], is_loaded=True).text.startswith("Do not rely on 2026-07-29: 2 of 9")


def test_pages_and_index_are_whole_and_hold_no_foreign_markup():
    details = DayDetails(
        [("discover", 9, 120, 6, 5, 121, None, False), ("export", 1, 150, None, 0, None, 160, True)],
        (50, 40, 2),
        [("dim_movie", EVIL, 3, [EVIL])],
        4,
        2,
    )
    given = rows([WARNS, FAILS], details={DAY: details}, drift={DAY: [("new keys", [EVIL]), ("vanished keys", [])]})
    made = build_pages(given, [DAY], [BEFORE, DAY], source="TMDb", is_sample=True)
    assert set(made) == {"2026-07-29.html", "index.html"}
    page, index = (made[name].decode() for name in sorted(made))
    assert EVIL not in page + index
    assert len(page) < 1_000_000
    assert 'content="new"' in page
    assert "SAMPLE DATA" in page
    for part in (
        "<em>What to do:</em> look at them.",
        "121",
        "120",
        "5",
        "40 answered, 2 not found (404)",
        "! not complete",
        "<dt>Rows rejected</dt><dd>4</dd>",
        "<p>and 1 more rule</p>",
        "discover: 100 (2026-07-28), 120 (2026-07-29)",  # the picture's figures as text
    ):
        assert part in page
    data = json.loads(re.search(r'id="measures">(.*?)</script>', page)[1])
    assert data["days"] == [str(DAY), str(BEFORE)]
    assert ["null share: dim_movie.overview", True, [0.4, 0.1]] in data["lines"]
    assert not re.findall(r'(?:src|href)="(?!data:|#|index\.html|\d{4}-\d\d-\d\d\.html)', page)
    assert [link for link in re.findall(r'href="([^"#]+)"', index) if link.endswith(".html")] == [
        "2026-07-29.html",
        "2026-07-28.html",
    ]


def test_a_load_that_was_refused_as_a_whole_is_not_shown_as_no_rejected_row():
    refused = Outcome("raw_discover", "contract", False, "error", "20 of 20 rows broke the contract.")
    warned, of_view = refused._replace(severity="warn"), refused._replace(asset="vw_top_movies")
    pages = [
        build_pages(rows([one]), [DAY], [DAY], source="TMDb", is_sample=True)["2026-07-29.html"].decode()
        for one in (refused, warned, of_view)
    ]
    for page, is_refused in zip(pages, (True, False, False), strict=True):
        assert ("<dt>Rows rejected</dt><dd>a whole load</dd>" in page) is is_refused
        assert ("none of its rows is stored: see what was found." in page) is is_refused
        assert ("No row was rejected." in page) is not is_refused


def test_without_a_day_the_index_says_what_to_do():
    made = build_pages(QualityRows(None), [], [], source="TMDb", is_sample=False)
    assert set(made) == {"index.html"}
    assert "tmdb-assets run" in made["index.html"].decode()


def test_the_heat_map_folds_what_passed_and_links_days_with_a_page():
    text = heat_map(rows([WARNS]), [BEFORE, DAY], [DAY])
    assert "2 checks and steps that passed whenever they ran" in text
    assert '<a href="2026-07-29.html" aria-label="2026-07-29: with care">!</a>' in text
    assert 'href="2026-07-28.html"' not in text
    row = re.search(r"quality_measure: votes do not fall</th>(.*?)</tr>", text)[1]
    assert row == '<td class="none">·</td><td class="care">!</td>'


def test_completeness_is_compared_with_the_days_before():
    text = completeness(rows(), DAY)
    assert re.search(
        r"dim_movie\.overview</th>.*?<td>60\.0%</td><td>90\.0%</td><td>90\.0% to 90\.0%</td><td>−30\.0</td>", text
    )
    assert "1 that every film has, on each of these days" in text
    assert completeness(rows(measures={}), DAY) == "<p>Not measured on this day.</p>"


def test_a_page_stays_small_whatever_the_answers_name():
    days = [DAY - dt.timedelta(days=back) for back in range(31)]
    measures = {day: {"status": {f"{day} {number} {'Ж' * 85}": 1.0 for number in range(2000)}} for day in days}
    made = build_pages(rows(measures=measures), [DAY], [DAY], source="TMDb", is_sample=False)
    assert made[f"{DAY}.html"].count("Ж".encode()) > 0
    assert len(made[f"{DAY}.html"]) < 1_000_000


def test_keys_that_came_and_went_are_listed():
    assert '<td class="text">raw_discover.a, raw_discover.b</td>' in drifted(
        [("new keys", ["raw_discover.a", "raw_discover.b"])]
    )
    assert drifted([("new keys", [])]).startswith("<p>The answers have the keys")
    assert len(outcomes_of(rows([WARNS]), DAY)) == 3
