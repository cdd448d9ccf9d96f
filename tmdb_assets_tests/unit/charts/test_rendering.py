from __future__ import annotations

import base64
import io
from decimal import Decimal

import altair as alt
import numpy as np
import pandas as pd
import pytest
import vl_convert
from PIL import Image

from tmdb_assets.charts import render, theme
from tmdb_assets.charts.labels import ellipsize, format_count, format_measure, label_text
from tmdb_assets.charts.values import to_number, to_text
from tmdb_assets_tests.cases.chart_frames import film_frame, genre_frame, many_amounts, money_frame
from tmdb_assets_tests.unit.charts.drawn import chart_of, rows_of


def test_a_title_no_font_can_draw_is_replaced_in_the_picture_only(monkeypatch):
    seen = {}
    real = vl_convert.vegalite_to_png
    monkeypatch.setattr(render.vl_convert, "vegalite_to_png", lambda spec, **o: seen.update(spec) or real(spec, **o))
    monkeypatch.setattr(render, "_has_glyph", lambda char: char < "\u3000")
    chart = chart_of("top_films", film_frame(("Alien", "千と千尋")))
    render.to_png(chart)
    assert [row["label"] for row in rows_of(seen, "rank_label")] == ["Alien", "Film 1002 (no font)"]
    assert [row["label"] for row in rows_of(chart.to_dict(), "rank_label")] == ["Alien", "千と千尋"]


def test_text_without_glyphs_is_found_and_lone_symbols_are_left_out(monkeypatch):
    assert render.to_drawable("Amélie, Москва, Ελλάς 12 %") == "Amélie, Москва, Ελλάς 12 %"
    # Whichever fonts a machine has: every sans has the first, none the private characters of the last plane.
    assert (render._has_glyph("†"), render._has_glyph("\U0010abcd")) == (True, False)
    monkeypatch.setattr(render, "_has_glyph", lambda char: char < "\u0300")
    assert render.to_drawable("Alien 千") is None
    assert render.to_drawable("The 🎬 Movie ★") == "The Movie"
    assert render.to_drawable("🎬🎞️ 👨‍👩‍👧") is None
    assert render.to_drawable("e\u0301") == "e\u0301"


def original_and_packed(monkeypatch, chart):
    """The pixels of a chart as vl-convert drew them, and as they are packed."""
    drawn = []
    real = vl_convert.vegalite_to_png
    monkeypatch.setattr(render.vl_convert, "vegalite_to_png", lambda *a, **o: drawn.append(real(*a, **o)) or drawn[0])
    packed = render.to_png(chart)
    assert len(packed) < len(drawn[0]) / 3
    pictures = [Image.open(io.BytesIO(png)) for png in (drawn[0], packed)]
    assert [picture.mode for picture in pictures] == ["RGBA", "P"]
    return [np.asarray(picture.convert("RGB")).astype(int) for picture in pictures]


def test_a_palette_keeps_every_pixel(monkeypatch):
    chart = chart_of("genre_popularity", genre_frame(), is_sample=True)
    original, packed = original_and_packed(monkeypatch, chart)
    assert (original == packed).all()


def test_a_palette_of_too_few_colours_keeps_those_of_the_theme_and_stays_close_to_all_others(monkeypatch):
    chart = chart_of("budget_and_revenue", money_frame(*many_amounts()), is_sample=True)
    original, packed = original_and_packed(monkeypatch, chart)
    assert len(np.unique(original.reshape(-1, 3), axis=0)) > 256
    assert abs(original - packed).max() <= 16
    for colour in (theme.BAR, theme.FALL, theme.MARK, "#FFFFFF"):
        rgb = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
        of_colour = (original == rgb).all(axis=2)
        assert of_colour.any()
        assert (packed[of_colour] == rgb).all()


def test_markdown_holds_the_picture_and_an_escaped_title():
    picture = b"the bytes of a picture"
    text = render.to_markdown(picture, "Top [20]\n<b>films</b>")
    title, data = text.split("](data:image/png;base64,")
    assert title == r"![Top \[20\] \<b\>films\</b\>"
    assert base64.b64decode(data.removesuffix(")")) == picture


def test_a_chart_that_cannot_be_drawn_names_itself():
    broken = alt.Chart(alt.UrlData(url="https://example.invalid/x.csv"), title="Broken").mark_bar()
    with pytest.raises(render.RenderError, match="The chart 'Broken' could not be drawn"):
        render.to_png(broken)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Decimal("1.5"), 1.5),
        (np.int64(3), 3),
        (np.float32(0.5), 0.5),
        (float("inf"), None),
        (pd.NA, None),
        (None, None),
    ],
)
def test_numbers_conform(value, expected):
    assert to_number(value) == expected


def test_text_loses_what_a_picture_cannot_hold():
    assert to_text(" a\x00b\x1b\u202ec\ud800\ufffed \n e ") == "a b cd e"
    assert to_text("   ") is to_text(float("nan")) is to_text(pd.NA) is None
    assert to_text("क्‍ष") == "क्‍ष"


def test_a_cut_counts_wide_characters_twice_and_parts_no_character():
    assert ellipsize("abcdef", 6) == "abcdef"
    assert ellipsize("abcdefg", 6) == "abcde…"
    assert ellipsize("千と千尋の神隠し", 9) == "千と千尋…"
    assert ellipsize("e\u0301" * 5, 3) == "e\u0301e\u0301…"
    assert ellipsize("abc defgh", 5) == "abc…"
    assert label_text("שלום עולם", 6) == "\u202bשלום…"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, "–"), (0, "0"), (999_999, "999,999"), (1_000_000, "1.0M"), (99_960_000, "100M"), (999_600_000, "1.0B")],
)
def test_counts(value, expected):
    assert format_count(value) == expected


def test_measures():
    assert [format_measure(value) for value in (None, 0, 0.04, 0.05, 1234.56, 99_999.9)] == [
        "–", "0.0", "<0.1", "0.1", "1,234.6", "100,000",
    ]  # fmt: skip
