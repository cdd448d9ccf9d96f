"""A picture's specification, and what is in it."""

from __future__ import annotations

import io
import re
from html import unescape

import vl_convert
from PIL import Image

from tmdb_assets.charts.registry import PICTURES
from tmdb_assets_tests.cases.chart_frames import DAY


def chart_of(name, frame, *, is_sample=False, snapshot_date=DAY, **options):
    """The chart of a declared picture."""
    return PICTURES[name].draw(frame, snapshot_date=snapshot_date, is_sample=is_sample, **options)


def draw(name, frame, **options):
    """The specification of a declared picture's chart."""
    return chart_of(name, frame, **options).to_dict()


def views_of(spec):
    """Every view with marks of its own."""
    for part in ("vconcat", "hconcat", "layer"):
        for child in spec.get(part, ()):
            yield from views_of(child)
    if "mark" in spec:
        yield spec


def encodings(spec, mark):
    return [view["encoding"] for view in views_of(spec) if view["mark"]["type"] == mark]


def rows_of(spec, field):
    """The data rows that carry `field`."""
    return [row for rows in spec["datasets"].values() for row in rows if field in row]


def texts_of(spec):
    """Every title, and every piece of text that a mark of the picture shows."""
    shown = [spec["title"]["text"], *spec["title"]["subtitle"]]
    shown += [title["text"] if isinstance(title, dict) else title for title in titles_of(spec)]
    for view in views_of(spec):
        if view["mark"]["type"] == "text":
            text = view["mark"].get("text", [])
            shown += [text] if isinstance(text, str) else text
            field = view.get("encoding", {}).get("text", {}).get("field")
            shown += [row[field] for row in rows_of(spec, field)]
    return shown


def drawn_texts(spec):
    """Every text of the drawn picture, those of its axes included."""
    svg = vl_convert.vegalite_to_svg(spec)
    return [unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg)]


def titles_of(spec):
    """The titles of the parts of a picture: the headings of its columns."""
    for part in ("vconcat", "hconcat"):
        for child in spec.get(part, ()):
            yield from [child["title"]] if "title" in child else []
            yield from titles_of(child)


def size_of(picture):
    """Width and height of a PNG in px."""
    with Image.open(io.BytesIO(picture), formats=["PNG"]) as opened:
        return opened.size
