"""What holds for every picture."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from tmdb_assets.charts import render
from tmdb_assets.charts.drawing import sharing_parts
from tmdb_assets.charts.registry import PICTURES
from tmdb_assets_tests.cases.chart_frames import CROWDED, DAY, EVERY_PICTURE
from tmdb_assets_tests.unit.charts.drawn import chart_of, draw, encodings, size_of, texts_of


def test_there_is_a_frame_of_every_declared_picture():
    assert set(EVERY_PICTURE) == set(PICTURES)


@pytest.mark.parametrize("is_sample", [True, False])
@pytest.mark.parametrize("name", EVERY_PICTURE)
def test_each_shows_day_unit_source_and_sample_mark_also_without_rows(name, is_sample):
    frame, unit = EVERY_PICTURE[name]
    for rows, day in ((frame, DAY), (frame.iloc[:0], DAY), (frame.iloc[:0], None)):
        spec = draw(name, rows, is_sample=is_sample, snapshot_date=day)
        text = "\n".join(map(str, texts_of(spec)))
        assert unit in text or rows.empty
        assert ("Snapshot of 2026-07-31 (UTC)" if day else "Snapshot date: none yet") in text
        source = "Source: sandbox sample." if is_sample else "Source: TMDB."
        assert f"{source} This product uses the TMDB API but is not endorsed or certified by TMDB." in text
        assert ("SAMPLE DATA: generated figures" in text) is is_sample
        assert ("SAMPLE DATA" in spec["description"]) is is_sample
        assert spec["background"] == "white"
        if len(rows):
            assert "No data yet" not in text
        if day is None:
            assert "No data yet\nLoad a day first: tmdb-assets run" in text
    assert encodings(spec, "bar") == encodings(spec, "line") == encodings(spec, "circle") == []


@pytest.mark.parametrize("is_sample", [True, False])
@pytest.mark.parametrize("name", EVERY_PICTURE)
def test_each_is_the_same_when_its_parts_are_shared_and_not_copied(name, is_sample):
    frame, _ = EVERY_PICTURE[name]
    for rows, day in ((CROWDED.get(name, frame), DAY), (frame, DAY), (frame.iloc[:0], None)):
        copied = chart_of(name, rows, is_sample=is_sample, snapshot_date=day).to_dict(validate=False)
        with sharing_parts():
            shared = chart_of(name, rows, is_sample=is_sample, snapshot_date=day).to_dict(validate=False)
        assert shared == copied


@pytest.mark.parametrize("name", EVERY_PICTURE)
def test_a_frame_without_its_columns_is_an_error_even_when_empty(name):
    frame, _ = EVERY_PICTURE[name]
    for rows in (frame, frame.iloc[:0]):
        with pytest.raises(ValueError, match=r"The frame lacks \w+"):
            draw(name, rows.drop(columns=frame.columns[0]))


@pytest.mark.parametrize("name", EVERY_PICTURE)
def test_each_is_opaque_700_px_wide_and_small(name):
    frame, _ = EVERY_PICTURE[name]
    for rows in (CROWDED.get(name, frame), frame.iloc[:0]):
        picture = render.to_png(chart_of(name, rows, is_sample=True))
        width, height = size_of(picture)
        assert (width, 200 < height < 1200) == (700, True)
        assert len(picture) < 70_000
        assert not Image.open(io.BytesIO(picture)).has_transparency_data
