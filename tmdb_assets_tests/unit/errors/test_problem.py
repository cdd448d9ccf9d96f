"""An error's fields, and the one line that is rendered from them."""

from __future__ import annotations

import datetime as dt
import pickle

import pytest

from tmdb_assets.errors.problem import KEPT, UNCHANGED, ActionableError, Problem, Retry, plain

NOON = dt.datetime(2026, 8, 20, 14, tzinfo=dt.timezone(dt.timedelta(hours=2)))


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("It broke"), "It broke."),
        (Problem("It broke", retry=Retry.NEVER, action="Report it"), "It broke. Report it."),
        (Problem("It broke", kept=KEPT, action="Mend it"), f"It broke. {KEPT}. Mend it. Then run again."),
        (Problem("It broke", retry=Retry.LATER), "It broke. Run again later."),
        (Problem("It broke", KEPT, retry=Retry.LATER), f"It broke. {KEPT}. Run again later to resume."),
        (Problem("It broke", KEPT, retry=Retry.NOW), f"It broke. {KEPT}. Run again to resume."),
        (Problem("It broke", UNCHANGED, retry=Retry.NOW), f"It broke. {UNCHANGED}. Run again."),
        (
            Problem("It broke", action="Lower it", retry=Retry.LATER, retry_at=NOON),
            "It broke. Lower it. Run again after 2026-08-20 12:00 UTC.",
        ),
        (Problem("Is it?", action="Run: grant x to y;"), "Is it? Run: grant x to y; Then run again."),
    ],
)
def test_the_text_says_what_happened_what_was_kept_and_what_to_do(problem, text):
    assert str(problem) == text
    assert str(ActionableError.of(problem)) == text


def test_a_summary_is_the_same_for_every_day():
    days = [Problem(f"No export of {day}", KEPT, cause="the export is late", retry=Retry.LATER) for day in (1, 2)]
    assert {problem.summary for problem in days} == {"the export is late. Run again later to resume."}


def test_a_kind_of_error_says_what_its_errors_have_in_common():
    class GoneError(ActionableError):
        kept, retry = KEPT, Retry.NEVER

    assert GoneError("It is gone").problem == Problem("It is gone", KEPT, retry=Retry.NEVER)
    assert GoneError("It is away", retry=Retry.LATER).problem.retry is Retry.LATER
    error = ActionableError("It is gone", setting="TMDB_TOKEN")
    assert pickle.loads(pickle.dumps(error)).problem == error.problem


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "[31mred [0m"),
        ("bell\a, back\b, line\nfeed, tab\t.", "bell , back , line feed, tab ."),
        ("\x9b2Jcleared", "2Jcleared"),
        ("\u202egnihton\u202c, \u2066a\u2069, \u200fb, \u200bc, \ufeffd, \u2028e", "gnihton, a, b, c, d, e"),
        ("half \ud800 a pair", "half \ufffd a pair"),
        ("Amélie, 千と千尋, עברית,\u00a0🎬", "Amélie, 千と千尋, עברית, 🎬"),
        ("cannot open http://u:hush@h:1/3?x=1", "cannot open http://***@h:1/3?x=1"),
        ("http:/u:hush@h and ftp://hush@h", "http:/***@h and ftp://***@h"),
        ("/3/movie/1?api_key=hush&page=2", "/3/movie/1?api_key=***&page=2"),
        ("password=hush' token=hush", "password=***' token=***"),
    ],
)
def test_text_of_others_is_shown_without_what_it_should_not_do(said: str, shown: str) -> None:
    problem = ActionableError(said, kept=said, action=said, cause=said).problem
    assert {problem.what, problem.kept, problem.action, problem.cause} == {shown}
    assert plain(said) == shown
