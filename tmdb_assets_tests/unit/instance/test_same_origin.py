"""Which requests a web application of ours accepts, by what a browser says of them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tmdb_assets.instance.same_origin import SameOriginOnly

JSON = ("content-type", "application/json")
PROXY = ("films.example.com", "server:3000")


def ask(*headers: tuple[str, str], method: str = "POST", kind: str = "http", allowed: Any = ()) -> list[dict[str, Any]]:
    """What a request gets from an application that answers 200, or accepts the WebSocket."""
    sent: list[dict[str, Any]] = []

    async def application(_scope: Any, _receive: Any, send: Any) -> None:
        if kind == "websocket":
            return await send({"type": "websocket.accept"})
        return await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message: Any) -> None:
        sent.append(dict(message))

    raw = [(name.encode(), value.encode()) for name, value in headers]
    scope = {"type": kind, "method": method, "path": "/graphql", "headers": raw, "server": ("192.168.1.5", 3000)}
    asyncio.run(SameOriginOnly(application, allowed)(scope, None, send))
    return sent


def status(*headers: tuple[str, str], **request: Any) -> int:
    return int(ask(*headers, **request)[0]["status"])


@pytest.mark.parametrize("host", ["localhost", "localhost:3000", "LOCALHOST:8080", "127.0.0.1:3000", "[::1]:3000"])
def test_this_machines_names_are_accepted(host: str) -> None:
    assert status(("host", host), JSON) == 200
    assert status(("host", host), ("origin", f"http://{host}"), ("sec-fetch-site", "same-origin"), JSON) == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:3000",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.example#localhost",
        "localhost@evil.example",
        "192.168.1.6:3000",
        "[::2]:3000",
        "",
        "films.example.com.evil.example",
    ],
)
def test_a_foreign_host_is_refused_even_of_the_same_origin(host: str) -> None:
    assert status(("host", host), JSON, allowed=PROXY) == 403
    assert status(("host", host), ("origin", f"http://{host}"), JSON, allowed=PROXY) == 403
    assert status(("host", host), method="GET", allowed=PROXY) == 403


def test_a_request_needs_one_host() -> None:
    assert status(JSON) == 403
    assert status(("host", "localhost:3000"), ("host", "evil.example"), JSON) == 403


def test_the_address_at_which_a_request_arrives_is_accepted() -> None:
    assert status(("host", "192.168.1.5:3000"), JSON) == 200


@pytest.mark.parametrize(
    "origin",
    [
        "http://127.0.0.1:8501",
        "http://127.0.0.1",
        "http://localhost:3000",
        "https://evil.example",
        "http://127.0.0.1:3000.evil.example",
        "http://127.0.0.1:3000@evil.example",
        "file://127.0.0.1:3000",
        "null",
        "",
    ],
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_another_origin_is_refused(origin: str, kind: str) -> None:
    (first, *_) = ask(("host", "127.0.0.1:3000"), ("origin", origin), JSON, kind=kind)
    refused = {"type": "websocket.close", "code": 1008, "reason": "cross-site"}
    assert first == refused if kind == "websocket" else first["status"] == 403


def test_a_websocket_of_the_own_page_and_of_a_program_is_accepted() -> None:
    for origin in ([], [("origin", "http://127.0.0.1:3000")]):
        assert ask(("host", "127.0.0.1:3000"), *origin, kind="websocket") == [{"type": "websocket.accept"}]


def test_two_origins_are_refused() -> None:
    both = [("origin", "http://localhost:3000"), ("origin", "https://evil.example")]
    assert status(("host", "localhost:3000"), *both, JSON) == 403


@pytest.mark.parametrize(
    ("site", "answer"), [("same-origin", 200), ("none", 200), ("same-site", 403), ("cross-site", 403)]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_where_a_request_comes_from(site: str, answer: int, method: str) -> None:
    assert status(("host", "localhost:3000"), ("sec-fetch-site", site), JSON, method=method) == answer


@pytest.mark.parametrize(
    ("mode", "place", "method", "answer"),
    [
        ("navigate", "document", "GET", 200),  # a link
        ("navigate", "document", "POST", 403),  # a form
        ("navigate", "iframe", "GET", 403),
        ("navigate", "object", "GET", 403),
        ("no-cors", "image", "GET", 403),
        ("no-cors", "script", "GET", 403),
        ("cors", "empty", "GET", 403),
    ],
)
def test_from_another_site_only_a_link_leads_here(mode: str, place: str, method: str, answer: int) -> None:
    said = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", mode), ("sec-fetch-dest", place)]
    assert status(("host", "localhost:3000"), *said, JSON, method=method) == answer


@pytest.mark.parametrize(
    ("content_type", "answer"),
    [
        ("application/json", 200),
        ("Application/JSON; charset=utf-8", 200),
        ("application/graphql", 200),
        ("text/plain", 403),
        ("text/plain; application/json", 403),
        ("application/x-www-form-urlencoded", 403),
        ("multipart/form-data; boundary=application/json", 403),
        ("", 403),
    ],
)
def test_a_change_needs_what_a_form_cannot_send(content_type: str, answer: int) -> None:
    assert status(("host", "localhost:3000"), ("content-type", content_type)) == answer
    assert status(("host", "localhost:3000"), ("content-type", content_type), method="GET") == 200


@pytest.mark.parametrize(
    ("host", "origin", "answer"),
    [
        ("films.example.com", "https://films.example.com", 200),
        ("films.example.com:443", "https://films.example.com", 200),
        ("127.0.0.1:3000", "https://films.example.com", 200),  # a proxy that does not pass the host on
        ("server:3000", "http://server:3000", 200),
        ("films.example.com", "https://films.example.com:8443", 403),
        ("films.example.com", "https://example.com", 403),
        ("server:3000", "http://server:8501", 403),
    ],
)
def test_allowed_hosts_behind_a_proxy(host: str, origin: str, answer: int) -> None:
    assert status(("host", host), ("origin", origin), JSON, allowed=PROXY) == answer
    assert status(("host", host), ("origin", origin), JSON) == 403


def test_answers_are_shown_in_no_other_sites_frame() -> None:
    (first,) = ask(("host", "localhost:3000"), method="GET")
    assert dict(first["headers"]) == {
        b"content-security-policy": b"frame-ancestors 'self'",
        b"x-frame-options": b"SAMEORIGIN",
        b"cross-origin-resource-policy": b"same-origin",
    }
