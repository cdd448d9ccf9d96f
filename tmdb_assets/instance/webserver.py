"""Dagster's webserver and `dagster dev`, for the pages of this server alone.

Dagster answers GraphQL, mutations too, by GET and from any page: an image on any page could delete a run. Both programs
here take Dagster's own arguments:

    python -m tmdb_assets.instance.webserver       # dagster-webserver
    python -m tmdb_assets.instance.webserver dev   # dagster dev, with this webserver
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from typing import Any

import dagster_webserver.app
import dagster_webserver.cli
from dagster._cli import dev
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from tmdb_assets.instance.same_origin import SameOriginOnly
from tmdb_assets.instance.sentences import shorten_error
from tmdb_assets.settings import get_settings


class GuardedWebserver(dagster_webserver.app.DagsterWebserver[Any, Any]):  # type: ignore[name-defined, misc]
    """Dagster's web application behind `SameOriginOnly`, with GraphQL by POST alone."""

    def build_middleware(self) -> list[Middleware]:
        """Dagster's own, after the guard."""
        guard = Middleware(SameOriginOnly, allowed=get_settings().allowed_hosts)
        return [guard, *super().build_middleware()]

    async def graphql_http_endpoint(self, request: Request) -> Response:
        """Answer a query; by GET there is only the page on which one writes it."""
        if request.method == "GET" and "text/html" not in request.headers.get("accept", ""):
            return PlainTextResponse("Send GraphQL by POST, as application/json.\n", 405, headers={"Allow": "POST"})
        answer: Response = await super().graphql_http_endpoint(request)
        return answer


def serve() -> None:
    """Run `dagster-webserver` with the guarded application."""
    dagster_webserver.app.DagsterWebserver = GuardedWebserver  # type: ignore[attr-defined]
    dagster_webserver.cli.main()  # type: ignore[no-untyped-call]


def serve_with_daemon() -> None:
    """Run `dagster dev`, whose webserver is the guarded one."""
    logging.getLogger("dagster").addFilter(shorten_error)
    start = dev.open_ipc_subprocess  # type: ignore[attr-defined]

    def start_guarded(parts: Sequence[str], **options: Any) -> Any:
        return start([__spec__.name if part == "dagster_webserver" else part for part in parts], **options)

    dev.open_ipc_subprocess = start_guarded  # type: ignore[attr-defined]
    dev.dev_command(prog_name="dagster dev")


if __name__ == "__main__":
    if sys.argv[1:2] == ["dev"]:
        del sys.argv[1]
        serve_with_daemon()
    serve()
