"""Requests that a page of another site makes a browser send are refused before they reach a web application.

A browser on this machine reaches servers that listen only here, and every page open in it can make it send requests.
The browser says where a request comes from: in `Origin` (every POST and WebSocket) and in `Sec-Fetch-Site` (every
request to this machine or by TLS). A page whose name was pointed to this machine after it was loaded (DNS rebinding)
has that name as `Host`. A program that is no browser sends neither `Origin` nor `Sec-Fetch-Site`, and passes.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?")
DEFAULT_PORTS = {"80", "443"}
READING = {"GET", "HEAD", "OPTIONS"}
# What a form or a plain `fetch` of another site cannot send without being asked for permission (CORS).
JSON_TYPES = {"application/json", "application/graphql"}
OWN_FRAMES_ONLY = {
    "Content-Security-Policy": "frame-ancestors 'self'",
    "X-Frame-Options": "SAMEORIGIN",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def parse_host(text: str) -> tuple[str, str] | None:
    """Name and port of a `Host` or a setting, "" for the default port; None if it is neither name nor address."""
    found = HOST.fullmatch(text.strip().lower())
    if found is None:
        return None
    port = found[2] or ""
    return found[1], "" if port in DEFAULT_PORTS else port


class SameOriginOnly:
    """ASGI middleware: only this machine's own pages, and those of the hosts in `allowed`, may use the application.

    `allowed` are hosts as a browser's address bar shows them, with the port unless it is the scheme's own. They are
    needed behind a proxy, or when other machines use a name; an address that the server listens on is known.
    """

    def __init__(self, app: ASGIApp, allowed: Collection[str] = ()) -> None:
        self.app = app
        self.allowed = {host for host in map(parse_host, allowed) if host}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 403 with the reason."""
        if scope["type"] not in {"http", "websocket"}:
            return await self.app(scope, receive, send)
        refusal = self.refusal(scope)
        if refusal is None:
            return await self.app(scope, receive, _only_in_own_frames(send))
        if scope["type"] == "websocket":
            return await send({"type": "websocket.close", "code": 1008, "reason": "cross-site"})  # answered with 403
        return await PlainTextResponse(f"{refusal}\n", 403)(scope, receive, send)

    def refusal(self, scope: Scope) -> str | None:
        """Why a request is refused, in one line; None if it is not."""
        headers = Headers(scope=scope)
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        host = parse_host(hosts[0]) if len(hosts) == 1 else None
        if host is None or not self._is_own(host[0], scope):
            return "This server is not known by this host name. If it is one of its own, add it to UI_ALLOWED_HOSTS."
        if origins and not (len(origins) == 1 and self._is_same(origins[0], host)):
            return "A page of another site sent this request. Behind a proxy, set UI_ALLOWED_HOSTS to the proxy's name."
        if not set(headers.getlist("sec-fetch-site")) <= {"same-origin", "none"} and not _opens_a_page(scope, headers):
            return "A page of another site sent this request."
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if scope["type"] == "http" and scope["method"] not in READING and kind not in JSON_TYPES:
            return "A request that changes something needs the content type application/json."
        return None

    def _is_own(self, name: str, scope: Scope) -> bool:
        """Whether this machine is meant: a name of its own, or the address at which the request arrived.

        No address can be rebound to this machine, but one that it does not have was sent by no browser.
        """
        if name == "localhost" or name in {known for known, _ in self.allowed}:
            return True
        try:
            address = ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return address.is_loopback or str(address) == (scope.get("server") or ("",))[0]

    def _is_same(self, origin: str, host: tuple[str, str]) -> bool:
        scheme, _, rest = origin.partition("://")
        return scheme in {"http", "https"} and parse_host(rest) in {host, *self.allowed}


def _opens_a_page(scope: Scope, headers: Headers) -> bool:
    """Whether a link on another page leads here, in a window of its own."""
    wanted = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    return scope.get("method") == "GET" and all(headers.getlist(name) == [value] for name, value in wanted.items())


def _only_in_own_frames(send: Send) -> Send:
    """Send answers with headers that keep other sites from showing them."""

    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in OWN_FRAMES_ONLY.items():
                headers.append(name, value)
        await send(message)

    return with_headers
