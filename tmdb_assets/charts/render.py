"""Draws a chart as PNG, and wraps a PNG in the Markdown that the Dagster UI shows.

Everything happens in this process, without a network. vl-convert draws with the fonts of the machine and one of its own
(Latin, Greek, Cyrillic, Hebrew). When no font has a title's script, each letter would be drawn as a box.
"""

from __future__ import annotations

import base64
import io
import re
import unicodedata
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any

import vl_convert
from PIL import Image

from tmdb_assets.charts.theme import FONT

if TYPE_CHECKING:
    import altair as alt

_NO_GLYPH = "\U0010fffd"  # a private-use character: no font of general use has it
_ALWAYS_DRAWN = ("LATIN", "GREEK", "CYRILLIC", "HEBREW")


class RenderError(Exception):
    """A chart could not be drawn; the message names the chart and the reason."""


def to_png(chart: alt.VConcatChart | alt.Chart) -> bytes:
    """Return the chart as PNG with a palette of at most 256 colours, one pixel for each px of the chart.

    When no font of this machine can draw the `label` of a row, its `label_without_font` is drawn instead.
    Raises RenderError when vl-convert rejects the chart.
    """
    return spec_to_png(chart.to_dict(validate=False))  # the tests validate each picture


def spec_to_png(spec: dict[str, Any]) -> bytes:
    """Return a chart's specification as PNG, as `to_png` does; `spec` stays as it is. Raises RenderError."""
    spec = dict(spec)
    spec["datasets"] = {name: list(map(_drawable, rows)) for name, rows in spec.get("datasets", {}).items()}
    try:
        png = bytes(vl_convert.vegalite_to_png(spec, scale=1, allowed_base_urls=[]))
    except ValueError as error:
        title = spec.get("title", {})
        name = title.get("text") if isinstance(title, dict) else title
        raise RenderError(f"The chart {name!r} could not be drawn: {error}") from error
    return _with_palette(png)


def _with_palette(png: bytes) -> bytes:
    """Return an opaque picture with a palette, some six times smaller than vl-convert's RGBA.

    Up to 256 colours every pixel keeps its own. Beyond that, which takes many overlapping edges, the palette is chosen
    to cover the range of colours, so that the rare ones stay close to what they were. Nothing is dithered.
    """
    packed = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        image.convert("RGB").quantize(method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(packed, "PNG")
    return packed.getvalue()


def to_markdown(png: bytes, title: str) -> str:
    """Return the picture as one Markdown image with its bytes inside; `title` is its text for a screen reader."""
    words = re.sub(r"([\\`*_\[\]<>!#&~|])", r"\\\1", " ".join(title.split()))
    return f"![{words}](data:image/png;base64,{base64.b64encode(png).decode('ascii')})"


def to_drawable(text: str) -> str | None:
    """Return `text` as this machine can draw it: without symbols that have no glyph (emoji, mostly).

    None when a letter has no glyph, or when nothing is left.
    """
    lacking = {char for char in set(text) if not _is_invisible(char) and not _has_glyph(char)}
    if not lacking:
        return text
    if any(char.isalpha() for char in lacking):
        return None
    kept = " ".join("".join(char for char in text if char not in lacking).split())
    return kept if any(not _is_invisible(char) for char in kept) else None


def _drawable(row: dict[str, Any]) -> dict[str, Any]:
    if "label_without_font" not in row:
        return row
    return {**row, "label": to_drawable(row["label"]) or row["label_without_font"]}


def _is_invisible(char: str) -> bool:
    # Spaces, joiners and combining marks: on their own they show nothing that could be compared.
    return unicodedata.category(char)[0] in "ZM" or unicodedata.category(char) == "Cf"


@cache
def _has_glyph(char: str) -> bool:
    if unicodedata.name(char, "").startswith(_ALWAYS_DRAWN):
        return True
    # vl-convert does not say which fonts it found, but all characters without a glyph look the same.
    return _picture_of(char) != _picture_of(_NO_GLYPH)


def _picture_of(char: str) -> bytes:
    text = f'<text x="4" y="18" font-size="16" font-family="{FONT}">{escape(char)}</text>'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24">{text}</svg>'
    return bytes(vl_convert.svg_to_png(svg))
