"""Mutants that may live, and why: each changes nothing that a test could see, or nothing that is promised."""

from __future__ import annotations

REASONS: dict[str, str] = {}
"""The name of a mutant, or its beginning -> the reason."""


def reason_for(name: str) -> str | None:
    """Why a mutant may live; None if it is to be killed."""
    return next((reason for start, reason in REASONS.items() if name.startswith(start)), None)
