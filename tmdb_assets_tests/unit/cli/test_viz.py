"""The command `tmdb-assets viz` before its server runs."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from tmdb_assets.cli import viz


def test_without_streamlit_the_command_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setattr(viz, "find_spec", lambda name: None)
    done = CliRunner().invoke(viz.viz, [])
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == (
        "The app needs Streamlit, which is not installed. Install it with: pip install 'tmdb-assets[viz]' "
        "(in a checkout: make viz).\n"
    )


@pytest.mark.parametrize(
    ("host", "shown"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "localhost"), ("::", "localhost"), ("::1", "[::1]"), ("films", "films")],
)
def test_the_host_that_a_browser_reaches(host, shown) -> None:
    assert viz.shown_host(host) == shown


def test_streamlit_sends_no_statistics_and_listens_on_the_given_address() -> None:
    given = viz.options("127.0.0.1", 8600)
    assert (given["browser.gatherUsageStats"], given["server.address"], given["server.port"]) == (
        False,
        "127.0.0.1",
        8600,
    )
