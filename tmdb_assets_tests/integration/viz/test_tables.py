"""The tables of the app: readers can download each as a CSV file, which Streamlit writes as it is."""

from __future__ import annotations

import pandas as pd
import pytest

from tmdb_assets.language import tr, use
from tmdb_assets.settings import PROJECT_ROOT

pytest.importorskip("streamlit", reason="no Streamlit: pip install 'tmdb-assets[viz]'")

# The module itself imports Streamlit.
from tmdb_assets.viz import layout


def test_no_table_that_can_be_downloaded_holds_a_formula(monkeypatch):
    shown = []
    monkeypatch.setattr(layout.st, "dataframe", lambda table, **_: shown.append(table.data))
    titles = ["=HYPERLINK(1)", "-30-", "Alien\u202e", None]
    layout.show_table(pd.DataFrame({"title": titles, "n": [1.5, -2.0, 3.0, 4.0]}))
    assert shown[0]["title"].tolist() == ["'=HYPERLINK(1)", "'-30-", "Alien", None]
    assert shown[0]["n"].tolist() == [1.5, -2.0, 3.0, 4.0]
    layout.show_table(
        pd.DataFrame({"=1+1": pd.Categorical(["@SUM(A1)", "Drama"])})
    )  # a curve has its film's title as heading
    assert shown[1].to_dict("list") == {"'=1+1": ["'@SUM(A1)", "Drama"]}
    pages = (PROJECT_ROOT / "tmdb_assets" / "viz").glob("*.py")
    assert sum(page.read_text(encoding="utf-8").count("st.dataframe(") for page in pages) == 1


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("en", ["8,765.4", "+1.0", "1,234", "1,234.5", "–", "1994"]),
        ("fr", ["8\u00a0765,4", "+1,0", "1\u00a0234", "1\u00a0234,5", "–", "1994"]),
    ],
)
def test_numbers_in_tables_are_in_the_language_of_the_app_not_of_the_browser(monkeypatch, language, texts):
    shown = []
    monkeypatch.setattr(layout.st, "dataframe", lambda table, **_: shown.append(table))
    row = {"popularity": 8765.43, "change_7d": 1.0, "vote_count": 1234, "mean": 1234.5, "none": float("nan")}
    with use(language):
        layout.show_table(pd.DataFrame([row | {tr("year"): 1994.0}]), {"popularity": ",.1f", "change_7d": "+,.1f"})
        html = shown[0].to_html()
    assert [html.count(f">{text}</td>") for text in texts] == [1] * 6
