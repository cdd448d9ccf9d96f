"""A plain HTTP client for a replay server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests

from tmdb_assets_tests.fakes.replay import TOKEN, ReplayServer


@contextmanager
def replay_session() -> Iterator[requests.Session]:
    """A session that sends the server's token and uses no proxy."""
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {TOKEN}"
        yield session


def get(session: requests.Session, server: ReplayServer, path: str, **params: Any) -> requests.Response:
    """Ask for a path after `/3`."""
    return session.get(server.url + path, params=params, timeout=5)
