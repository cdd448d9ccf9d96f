"""The environment that other programs get: Postgres's own, and the process that draws pictures."""

from __future__ import annotations

import os
import re

from tmdb_assets.settings import Settings


def environment_without_secrets() -> dict[str, str]:
    """The environment of this process without its settings and whatever else may hold a secret, for other programs."""
    secret = re.compile(r"(?i)token|passw|secret|key|credential|proxy|webhook|_ur[il]$|dsn")
    return {
        name: value
        for name, value in os.environ.items()
        if name.lower() not in Settings.model_fields and not secret.search(name)
    }
