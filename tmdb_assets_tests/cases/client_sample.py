"""What the tests of the client share: a token that must not be seen, films to ask for, and a look at its threads."""

import threading

TOKEN = "eyJhbGciOiJIUzI1NiJ9.very-secret.token"


def films(count, path="/movie"):
    """Requests for as many films, as `TmdbClient.fetch_many` takes them."""
    return [(number, f"{path}/{number}", {"language": "en-US"}) for number in range(count)]


def fetch_threads():
    """The client's threads that still run."""
    return [thread for thread in threading.enumerate() if thread.name == "tmdb-fetch" and thread.is_alive()]
