"""How a text of TMDb is stored."""

from __future__ import annotations


def text(value: str | None) -> str | None:
    """None for an empty text; Postgres stores no NUL in text, and what is empty without it is unknown."""
    return (value or "").replace("\0", "") or None
