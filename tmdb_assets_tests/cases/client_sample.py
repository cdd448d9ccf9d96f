"""What the client's tests share: a secret token, requests, the client's threads, and servers of pages."""

import threading
from urllib.parse import parse_qs, urlsplit

from tmdb_assets_tests.fakes.scripted_server import reply

TOKEN = "eyJhbGciOiJIUzI1NiJ9.very-secret.token"


def films(count, path="/movie"):
    """`count` requests, as `TmdbClient.fetch_many` takes them."""
    return [(number, f"{path}/{number}", {"language": "en-US"}) for number in range(count)]


def fetch_threads():
    """The client's threads that still run."""
    return [thread for thread in threading.enumerate() if thread.name == "tmdb-fetch" and thread.is_alive()]


def by_page(answer):
    """An action that answers page N with `answer(N)`: a payload, or another action."""

    def act(handler):
        found = answer(int(parse_qs(urlsplit(handler.path).query)["page"][0]))
        (found if callable(found) else reply(200, found))(handler)

    return act


def pages_of(server):
    """The pages requested of a server, sorted."""
    return sorted(int(parse_qs(urlsplit(path).query)["page"][0]) for path in server.paths)
