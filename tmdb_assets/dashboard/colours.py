"""The page's colours: those of the charts on a light background, and their counterparts on a dark one."""

from __future__ import annotations

from tmdb_assets.charts import lines, theme

TEXT_CONTRAST = 4.5
"""WCAG 2.2, 1.4.3: text on its background."""
GRAPHIC_CONTRAST = 3.0
"""WCAG 2.2, 1.4.11: lines, bars and the edges of controls on their background."""
_WHITE = "#FFFFFF"


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours (#RRGGBB), 1 to 21, by WCAG 2.2's definition of contrast ratio."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


# The charts' colours that are visible on white without a label.
_CURVES = [colour for colour in lines.COLOURS if contrast(colour, _WHITE) >= GRAPHIC_CONTRAST]
MAX_CURVES = len(_CURVES)
"""How many films the page draws at once."""

LIGHT = {
    "ground": "#F4F7F9",
    "panel": _WHITE,
    "ink": theme.INK,
    "quiet": theme.QUIET,
    "line": theme.LINE,
    "edge": "#80868B",
    "tile": theme.TILE,
    "accent": theme.BAR,
    "on-accent": _WHITE,
    "fall": "#A94400",
    "mark": theme.MARK,
    "on-mark": theme.INK,
} | {f"curve-{place}": colour for place, colour in enumerate(_CURVES)}

_DARK_CURVES = ["#56B4E9", "#F28E4B", "#2CC295", "#F0A3CB", "#F4F4F4", "#98A4AE"]
DARK = {
    "ground": "#0E1318",
    "panel": "#171E25",
    "ink": "#E9EDF0",
    "quiet": "#A9B4BE",
    "line": "#2D3842",
    "edge": "#76828D",
    "tile": "#202A34",
    "accent": "#56B4E9",
    "on-accent": "#0E1318",
    "fall": "#F4A261",
    "mark": theme.MARK,
    "on-mark": theme.INK,
} | {f"curve-{place}": colour for place, colour in zip(range(MAX_CURVES), _DARK_CURVES, strict=True)}


def css_variables(colours: dict[str, str]) -> str:
    """Return the colours as declarations of CSS custom properties."""
    return " ".join(f"--{name}: {colour};" for name, colour in colours.items())
