from __future__ import annotations

import base64
import zlib
from decimal import Decimal

import altair as alt
import numpy as np
import pandas as pd
import pytest
import vl_convert

from tmdb_assets.charts import figures, png, render
from tmdb_assets.charts.values import format_count, format_measure, label_text, shorten, to_number, to_text
from tmdb_assets_tests.unit.charts.test_charts import DAY, film_frame, genre_frame, rows_of


def test_a_title_no_font_can_draw_is_replaced_in_the_picture_only(monkeypatch):
    seen = {}
    real = vl_convert.vegalite_to_png
    monkeypatch.setattr(render.vl_convert, "vegalite_to_png", lambda spec, **o: seen.update(spec) or real(spec, **o))
    monkeypatch.setattr(render, "_has_glyph", lambda char: char < "\u3000")
    chart = figures.top_films(film_frame(("Alien", "千と千尋")), snapshot_date=DAY, is_sample=False)
    render.to_png(chart)
    assert [row["label"] for row in rows_of(seen, "rank_label")] == ["Alien", "Film 1002 (no font for its title)"]
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


def test_recompression_keeps_every_pixel():
    spec = figures.genre_popularity(genre_frame(), snapshot_date=DAY, is_sample=True).to_dict()
    original = bytes(vl_convert.vegalite_to_png(spec))
    small = png.recompress(original)
    assert len(small) < len(original) / 3
    width, height = png.size_of(small)
    parts = dict(png._chunks(small))
    indices = np.frombuffer(zlib.decompress(parts[b"IDAT"]), np.uint8).reshape(height, width + 1)[:, 1:]
    palette = np.frombuffer(parts[b"PLTE"], np.uint8).reshape(-1, 3)
    assert (palette[indices] == png._decode(original)[..., :3]).all()
    assert png.recompress(small) == small
    with pytest.raises(ValueError, match="no PNG"):
        png.recompress(b"GIF89a")


def test_recompression_of_many_colours_and_of_transparency():
    gradient = '<svg xmlns="http://www.w3.org/2000/svg" width="60" height="60">{}</svg>'
    cells = "".join(
        f'<rect x="{x}" y="{y}" width="1" height="1" fill="rgb({x * 4},{y * 4},90)"/>'
        for x in range(60)
        for y in range(60)
    )
    many = bytes(vl_convert.svg_to_png(gradient.format(cells)))
    packed = png.recompress(many)
    assert packed[25] == 2
    lines = np.frombuffer(zlib.decompress(dict(png._chunks(packed))[b"IDAT"]), np.uint8).reshape(60, 181)[:, 1:]
    assert (lines.reshape(60, 60, 3) == png._decode(many)[..., :3]).all()
    clear = bytes(vl_convert.svg_to_png(gradient.format('<rect width="9" height="9"/>')))
    assert png.recompress(clear) == clear


def test_markdown_holds_the_picture_and_an_escaped_title():
    picture = png.SIGNATURE + b"rest"
    text = render.to_markdown(picture, "Top [20]\n<b>films</b>")
    title, data = text.split("](data:image/png;base64,")
    assert title == r"![Top \[20\] \<b\>films\</b\>"
    assert base64.b64decode(data.removesuffix(")")) == picture
    with pytest.raises(ValueError, match="no PNG"):
        render.to_markdown(b"<svg/>", "x")


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
    assert shorten("abcdef", 6) == "abcdef"
    assert shorten("abcdefg", 6) == "abcde…"
    assert shorten("千と千尋の神隠し", 9) == "千と千尋…"
    assert shorten("e\u0301" * 5, 3) == "e\u0301e\u0301…"
    assert shorten("abc defgh", 5) == "abc…"
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
