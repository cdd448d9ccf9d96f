"""The benchmark of the app names the figures that miss its bound, and refuses too few days."""

from __future__ import annotations

import pytest

from benchmarks import viz


def test_a_page_over_the_bound_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    figures = {"script": {"genres": {"first": 1000.0, "again": 20.0}}, "browser": {"genres": {"first": 1000.5}}}
    assert viz.missed_bounds(figures) == ["browser, genres, first"]
    assert capsys.readouterr().out.splitlines() == [
        "script, genres: first 1,000 ms, again 20 ms",
        "browser, genres: first 1,000 ms",
        "OVER the bound of 1000 ms: browser, genres, first",
    ]


def test_fewer_than_eight_days_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        viz.main(["--rows", "7000", "--films", "1000"])
    assert ended.value.code == 2
    assert "at least 8 days of --films" in capsys.readouterr().err
