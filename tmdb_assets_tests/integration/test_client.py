"""The client over real loopback HTTP, against a server whose faults are scripted."""

import datetime as dt
import gzip
import json
import os
import socket
import ssl
import struct
import threading
import time
from collections import defaultdict, deque
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from tmdb_assets.tmdb import errors
from tmdb_assets.tmdb.client import Answer, TmdbClient
from tmdb_assets.tmdb.discover import crawl

TOKEN = "eyJhbGciOiJIUzI1NiJ9.very-secret.token"
OK = {"id": 1, "title": "千と千尋"}


def reply(status=200, body=OK, headers=(), promised=None):
    """Answer with `body` (bytes as they are, else JSON); `promised` overrides Content-Length."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    def act(handler):
        handler.send_response_only(status)
        for name, value in {"Content-Length": promised or len(raw), **dict(headers)}.items():
            if value is not None:
                handler.send_header(name, str(value))
        handler.end_headers()
        handler.wfile.write(raw)
        handler.close_connection = promised is not None

    return act


def drop(handler):
    handler.close_connection = True


def reset(handler):
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(handler.connection.detach())
    handler.close_connection = True


def hang(handler):
    handler.server.released.wait(10)
    handler.close_connection = True


def truncated_chunks(handler):
    handler.send_response_only(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b'40\r\n{"id": 1')
    handler.close_connection = True


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        with self.server.lock:
            self.server.seen.append((self.path, dict(self.headers)))
            script = self.server.script[self.path.partition("?")[0]]
            act = script.popleft() if len(script) > 1 else script[0] if script else self.server.default
        act(self)

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    """Plays `script[path]`, one action a request, the last one for ever; `default` for every other path."""

    daemon_threads = True
    request_queue_size = 128  # a full queue would make a client wait a second for its connection

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock, self.released = threading.Lock(), threading.Event()
        self.seen, self.script, self.default = [], defaultdict(deque), reply()
        self.url = f"http://127.0.0.1:{self.server_port}/3"

    def handle_error(self, request, client_address):
        """Clients that go away amid an answer are part of these tests."""

    def plays(self, path, *actions):
        self.script[f"/3{path}"] = deque(actions)

    @property
    def paths(self):
        return [path for path, _ in self.seen]


class SkippedTime:
    """Real time, except that sleeping takes none and is noted."""

    def __init__(self):
        self.waits, self.skipped, self._lock = [], 0.0, threading.Lock()

    def clock(self):
        with self._lock:
            return time.monotonic() + self.skipped

    def sleep(self, seconds):
        with self._lock:
            self.waits.append(seconds)
            self.skipped += seconds


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server():
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture
def skipped():
    return SkippedTime()


@pytest.fixture
def connect(server, skipped):
    clients = []

    def connect(base_url=None, token=TOKEN, **options):
        options = {"rate_limit": 0, "workers": 8, "clock": skipped.clock, "sleep": skipped.sleep, **options}
        clients.append(TmdbClient(base_url or server.url, token, **options))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


def fetch_threads():
    return [thread for thread in threading.enumerate() if thread.name == "tmdb-fetch" and thread.is_alive()]


def wait_for(condition, seconds=5):
    deadline = time.monotonic() + seconds
    tick = threading.Event()
    while not condition() and time.monotonic() < deadline:
        tick.wait(0.005)
    return condition()


def films(count, path="/movie"):
    return [(number, f"{path}/{number}", {"language": "en-US"}) for number in range(count)]


def test_a_request_carries_the_token_in_its_header_only(server, connect, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    answer = connect(token=f" {TOKEN}\n").get("/movie/1", language="en-US", page=None, text="a b&c")
    path, headers = server.seen[0]
    assert path == "/3/movie/1?language=en-US&text=a+b%26c"
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert headers["Accept-Encoding"] == "gzip"
    assert headers["User-Agent"].startswith("tmdb-assets/")
    assert (answer.status, answer.payload, answer.removed_characters) == (200, OK, 0)
    assert abs(dt.datetime.now(dt.UTC) - answer.fetched_at) < dt.timedelta(seconds=10)


def test_a_proxy_is_used_for_other_hosts(server, connect, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{server.server_port}")
    assert connect("http://api.example/3").get("/movie/1").payload == OK
    assert server.paths == ["http://api.example/3/movie/1"]


def test_gzip_cleaning_keep_alive_and_counts(server, connect):
    packed = gzip.compress(rb'{"id": 1, "title": "A\u0000B", "overview": "' + b"x" * 9000 + b'"}')
    server.plays("/movie/1", reply(200, packed, {"Content-Encoding": "gzip"}))
    client = connect()
    answer = client.get("/movie/1")
    assert (answer.payload["title"], len(answer.payload["overview"]), answer.removed_characters) == ("AB", 9000, 1)
    stats = client.stats.snapshot()
    assert (stats["requests"], stats["bytes"], stats["removed_characters"]) == (1, len(packed), 1)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        *[(reply(status, {}), str(status)) for status in (408, 429, 500, 502, 503, 504)],
        (reply(promised=500), "unreadable"),
        (reply(200, b'{"id": 1}', promised=500), "unreadable"),
        (truncated_chunks, "unreadable"),
        (reply(200, b""), "unreadable"),
        (reply(200, b"<html>busy</html>"), "unreadable"),
        (reply(200, [OK]), "unreadable"),
        (reply(200, b"no gzip", {"Content-Encoding": "gzip"}), "unreadable"),
        (reply(204, b""), "unreadable"),
        (drop, "connection"),
        (reset, "connection"),
    ],
)
def test_a_passing_fault_is_retried(server, connect, skipped, fault, kind):
    server.plays("/movie/1", fault, reply())
    client = connect()
    assert client.get("/movie/1").payload == OK
    assert dict(client.stats.retries) == {kind: 1}
    assert len(server.seen) == 2
    assert 0.1 <= skipped.waits[0] <= 0.2


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        (reply(503, {}), errors.UnreachableError, "503 Service Unavailable"),
        (reply(429, {}), errors.UnreachableError, "TMDB_RATE_LIMIT"),
        (reset, errors.UnreachableError, "connection dropped"),
        (drop, errors.UnreachableError, "connection dropped"),
        (reply(200, b"<html>"), errors.UnreadableAnswerError, "6 tries"),
        (reply(promised=500), errors.UnreadableAnswerError, "cut short"),
    ],
)
def test_a_lasting_fault_ends_in_one_clear_line(server, connect, skipped, fault, error, says):
    server.plays("/movie/1", fault)
    with pytest.raises(error, match=says) as caught:
        connect().get("/movie/1")
    text = str(caught.value)
    assert f"127.0.0.1:{server.server_port}" in text or "/movie/1" in text
    assert "is kept" in text
    assert "\n" not in text
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert sum(skipped.waits) <= 18 + 1
    assert len(server.seen) >= 4


def test_refused_silent_unresolved_and_dripping_hosts_are_unreachable(server, connect, skipped, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(errors.UnreachableError, match=r"cannot be reached \(\d+ tries .* connection refused"):
            connect(f"http://127.0.0.1:{unused.getsockname()[1]}/3").get("/movie/1")

    server.plays("/movie/1", hang)
    with pytest.raises(errors.UnreachableError, match="no answer in time"):
        connect(read_timeout=0.02, retry_seconds=1).get("/movie/1")
    server.released.set()

    def drip(handler):
        handler.send_response_only(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        for _ in range(4):
            skipped.sleep(9)
            handler.wfile.write(b" ")

    server.plays("/movie/1", drip)
    before = skipped.clock()
    with pytest.raises(errors.UnreachableError, match=r"1 try in .* no answer in time"):
        connect().get("/movie/1")
    assert 36 <= skipped.clock() - before < 40

    def getaddrinfo(*args, **kwargs):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(errors.UnreachableError, match="its name could not be resolved"):
        connect("http://api.example/3").get("/movie/1")


def test_causes_that_no_loopback_server_can_play():
    blackhole = errors.classify_exception(requests.ConnectTimeout("10.0.0.1"), "api.example")
    assert (blackhole.kind, blackhole.cause) == ("connect timeout", "no connection in time")
    refused = requests.exceptions.SSLError(ssl.SSLCertVerificationError("self-signed"))
    untrusted = errors.classify_exception(refused, "api.example")
    assert isinstance(untrusted, errors.UnreachableError)
    assert "REQUESTS_CA_BUNDLE" in str(untrusted)


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_followed_in_both_forms(server, connect, skipped, status):
    now = dt.datetime(2020, 2, 29, 12, tzinfo=dt.UTC)  # both dates are the server's: our clock does not matter
    date = format_datetime(now + dt.timedelta(seconds=5), usegmt=True)
    server.plays(
        "/movie/1",
        reply(status, {}, {"Retry-After": "3"}),
        reply(status, {}, {"Retry-After": date, "Date": format_datetime(now, usegmt=True)}),
        reply(status, {}, {"Retry-After": "soon"}),
        reply(),
    )
    assert connect().get("/movie/1").payload == OK
    assert [wait for wait in skipped.waits if wait > 2] == [3, 5]
    held = 1 if status == 429 else 0  # a 429 without a usable wish stops everybody for a second
    assert sum(skipped.waits) == pytest.approx(8 + held, abs=0.9)


def test_a_wish_to_wait_for_hours_ends_at_once_and_holds_the_others_no_longer_than_the_budget(server, connect, skipped):
    server.plays("/movie/1", reply(429, {}, {"Retry-After": "7200"}))
    client = connect()
    with pytest.raises(errors.UnreachableError, match="the wish to wait 7200 s"):
        client.get("/movie/1")
    assert len(server.seen) == 1
    assert skipped.waits == []
    assert client.get("/movie/2").payload == OK
    assert sum(skipped.waits) == pytest.approx(18, abs=1)


@pytest.mark.parametrize(
    ("status", "body", "headers", "error", "says"),
    [
        (
            401,
            {"status_code": 7, "status_message": "Invalid API key."},
            {},
            "Unauthorized",
            r"\(401, code 7\): Invalid",
        ),
        (401, b"no JSON", {}, "Unauthorized", r"\(401 Unauthorized\).* TMDB_TOKEN .* v4 read access token"),
        (
            400,
            {"status_code": 22, "status_message": "Invalid page."},
            {},
            "BadRequest",
            r"\(400, code 22\): Invalid page",
        ),
        (422, {"errors": ["page must be\nless"]}, {}, "BadRequest", r"\(422\): \['page must be"),
        (403, {"status_code": 45, "status_message": "Suspended."}, {}, "BadRequest", r"\(403, code 45\).*ask TMDb"),
        (405, b"", {}, "BadRequest", "405 Method Not Allowed"),
        (501, {"status_code": 2}, {}, "BadRequest", r"\(501, code 2\)"),
        (301, b"", {"Location": "https://other.example/x?y"}, "BadRequest", r"to https://other\.example \(301\)"),
        (302, b"", {}, "BadRequest", "TMDB_API_URL"),
    ],
)
def test_a_refusal_is_final(server, connect, status, body, headers, error, says):
    server.plays("/movie/1", reply(status, body, headers))
    with pytest.raises(getattr(errors, f"{error}Error"), match=says) as caught:
        connect().get("/movie/1")
    assert len(server.seen) == 1
    assert "\n" not in str(caught.value)


def test_a_redirect_is_not_followed(server, connect):
    other = reply(302, b"", {"Location": f"http://localhost:{server.server_port}/3/movie/2"})
    server.plays("/movie/1", other)
    with pytest.raises(errors.BadRequestError, match="the token is not sent on"):
        connect().get("/movie/1")
    assert server.paths == ["/3/movie/1"]


@pytest.mark.parametrize("status", [301, 401, 403, 422, 429, 500, 200])
def test_the_token_is_in_no_message_even_if_the_server_echoes_it(server, connect, status, caplog):
    echo = {"status_code": 7, "status_message": f"Bearer {TOKEN} is bad", TOKEN: TOKEN}
    headers = {"Location": f"https://{TOKEN}.example/{TOKEN}", "Retry-After": TOKEN}
    server.plays("/movie/1", reply(status, json.dumps([echo] if status == 200 else echo).encode(), headers))
    client = connect()
    with caplog.at_level("DEBUG"), pytest.raises(errors.TmdbError) as caught:
        client.get("/movie/1")
    shown = f"{caught.getrepr(style='long')} {caught.value!r} {client!r} {client.stats!r} {caplog.text}"
    assert TOKEN.lower() not in shown.lower()


@pytest.mark.parametrize("token", ["", "  ", "two words", "line\nbreak", "päss", "nul\0"])
def test_a_token_that_no_header_can_carry_is_refused_unseen(connect, token):
    with pytest.raises(errors.UnauthorizedError, match="TMDB_TOKEN is no token") as caught:
        connect(token=token)
    assert not token.strip() or token not in str(caught.value)


def test_unusable_addresses_and_certificates_are_named(connect, monkeypatch):
    for address in ("http://", "http://host:99999/3", "http://[::1/3"):
        with pytest.raises(errors.UnreachableError, match="TMDB_API_URL"):
            connect(address)
    monkeypatch.setenv("HTTP_PROXY", "http://name:pass-word@")
    with pytest.raises(errors.UnreachableError, match=r"HTTPS_PROXY .* is not a usable address") as caught:
        connect("http://api.example/3")
    assert "pass-word" not in str(caught.value)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/bundle.pem")
    with pytest.raises(errors.UnreachableError, match="REQUESTS_CA_BUNDLE"):
        connect("https://api.example/3")


def test_a_missing_film_is_an_answer(server, connect):
    server.plays("/movie/404", reply(404, {"success": False, "status_code": 34, "status_message": "Not found."}))
    client = connect()
    answers = dict(client.details([1, 404]))
    assert (answers[404].status, answers[404].payload, answers[1].payload) == (404, None, OK)
    assert client.stats.not_found == 1
    assert sorted(server.paths) == ["/3/movie/1?language=en-US", "/3/movie/404?language=en-US"]


def test_reference_lists(server, connect):
    server.plays("/genre/movie/list", reply(200, {"genres": [{"id": 18, "name": "Drame"}]}), reply(200, {"genres": 5}))
    server.plays("/configuration/countries", reply(200, [{"iso_3166_1": "FR"}]), reply(404, {}))
    server.plays("/configuration/languages", reply(200, [{"iso_639_1": "xx"}]))
    client = connect(language="fr-FR")
    assert client.genres().payload == [{"id": 18, "name": "Drame"}]
    assert client.countries().payload == [{"iso_3166_1": "FR"}]
    assert client.languages().payload == [{"iso_639_1": "xx"}]
    assert server.paths[:2] == [
        "/3/genre/movie/list?language=fr-FR",
        "/3/configuration/countries?language=fr-FR",
    ]
    with pytest.raises(errors.UnreadableAnswerError, match="no list of genres"):
        client.genres()
    with pytest.raises(errors.BadRequestError, match="end in /3"):
        client.countries()


def test_many_are_fetched_at_once_but_not_more_than_the_workers(server, connect):
    active, most, lock, crowd = [0], [0], threading.Lock(), threading.Barrier(8)

    def counted(handler):
        with lock:
            active[0] += 1
            most[0] = max(most[0], active[0])
        if crowd.n_waiting or most[0] < 8:
            crowd.wait(5)
        with lock:
            active[0] -= 1
        reply()(handler)

    server.default = counted
    read = []
    source = (read.append(film) or film for film in films(200))
    fetched = connect(workers=8).fetch_many(source)
    assert read == []
    first = next(fetched)
    assert first[1].payload == OK
    assert len(read) == 16
    assert sorted([first[0]] + [key for key, answer in fetched if answer.payload == OK]) == list(range(200))
    assert most[0] == 8
    assert fetch_threads() == []


def test_one_bad_film_does_not_stop_the_others(server, connect):
    server.plays("/movie/3", reply(200, b"garbage"))
    server.plays("/movie/5", reply(500, {}))
    server.plays("/movie/7", reply(422, {}))
    results = dict(connect().fetch_many(films(20)))
    assert len(results) == 20
    failed = {key: type(result).__name__ for key, result in results.items() if not isinstance(result, Answer)}
    assert failed == {3: "UnreadableAnswerError", 5: "UnreachableError", 7: "BadRequestError"}


def test_a_refused_token_stops_everything(server, connect):
    server.default = reply(401, {"status_code": 7, "status_message": "Invalid API key."})
    with pytest.raises(errors.UnauthorizedError):
        list(connect(workers=4).fetch_many(films(500)))
    assert len(server.seen) <= 8
    assert fetch_threads() == []


def test_abandoning_ends_threads_that_wait_for_answers_for_the_pace_and_for_their_next_try(server, connect):
    server.plays("/movie/0", reply())
    for path, fault in (("/hang", hang), ("/fault", reply(503, {}, {"Retry-After": "9"})), ("/movie", reply())):
        server.default, rate = fault, 0.2 if path == "/movie" else 0
        sources = [films(1)[0], *films(100, path)]
        fetched = connect(workers=4, rate_limit=rate, sleep=None, clock=time.monotonic).fetch_many(sources)
        next(fetched)
        assert fetch_threads()
        started = time.monotonic()
        fetched.close()
        assert time.monotonic() - started < 3
        if path == "/hang":
            server.released.set()
        assert wait_for(lambda: not fetch_threads())
    assert len(server.seen) < 30


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, ValueError])
def test_an_exception_in_the_caller_or_its_source_ends_the_threads(server, connect, interruption):
    def consume(fetched):
        for _ in fetched:
            raise interruption

    def source():
        yield from films(20)
        raise interruption

    with pytest.raises(interruption):
        consume(connect().fetch_many(films(300)))
    assert wait_for(lambda: not fetch_threads())
    with pytest.raises(interruption):
        list(connect().fetch_many(source()))
    assert wait_for(lambda: not fetch_threads())


def test_a_mistake_in_a_worker_reaches_the_caller(connect):
    with pytest.raises(TypeError):
        list(connect().fetch_many([("key", None, {})]))


def test_the_pace_holds_over_all_threads(connect, skipped):
    client = connect(rate_limit=20)
    before = skipped.clock()
    assert len(list(client.fetch_many(films(100)))) == 100
    assert 99 / 20 <= skipped.clock() - before <= 99 / 20 / 0.975 + 1
    assert client.stats.peak_rate <= 20


class Bucket:
    """Takes `rate` requests a second, so many at once after a pause; answers 429 to the others and counts them."""

    def __init__(self, rate, clock, headers):
        self.rate, self.clock, self.refusal = rate, clock, reply(429, {"status_code": 25}, headers)
        self.tokens, self.filled, self.refused, self.lock = rate, clock(), 0, threading.Lock()

    def __call__(self, handler):
        with self.lock:
            now = self.clock()
            self.tokens, self.filled = min(self.rate, self.tokens + (now - self.filled) * self.rate), now
            is_accepted = self.tokens >= 1
            self.tokens -= is_accepted
            self.refused += not is_accepted
        (reply() if is_accepted else self.refusal)(handler)


@pytest.mark.parametrize(("limit", "most_refused"), [(45, 0), (60, 25), (0, 50)])
@pytest.mark.parametrize("headers", [{"Retry-After": "1"}, {}])
def test_a_server_that_takes_less_gets_its_way_and_answers_all(server, connect, skipped, limit, most_refused, headers):
    server.default = bucket = Bucket(50, skipped.clock, headers)
    client = connect(rate_limit=limit, retry_seconds=60)
    assert {type(answer) for _, answer in client.fetch_many(films(500))} == {Answer}
    figures = client.stats.snapshot()
    assert bucket.refused <= most_refused
    assert figures["rate_limited"] == figures["retries"].get("429", 0) == bucket.refused
    assert figures["requests"] == len(server.seen) == 500 + bucket.refused


def test_a_429_counts_also_where_no_retry_follows(server, connect):
    server.plays("/movie/1", reply(429, {}, {"Retry-After": "7200"}))
    client = connect()
    with pytest.raises(errors.UnreachableError):
        client.get("/movie/1")
    assert (client.stats.rate_limited, dict(client.stats.retries)) == (1, {})


def test_the_limit_is_used_and_kept_in_real_time(server, connect):
    arrived = []

    def answer_late(handler):
        arrived.append(time.monotonic())
        server.released.wait(0.06)
        reply()(handler)

    def share_used():
        arrived.clear()
        client = connect(rate_limit=50, workers=64, clock=time.monotonic, sleep=None)
        assert len(list(client.fetch_many(films(101)))) == 101
        assert client.stats.peak_rate <= 50
        return 100 / (max(arrived) - min(arrived)) / 50

    server.default = answer_late
    assert any(0.97 <= share_used() <= 1 for _ in range(3))  # other work on the machine may hold one up


def page(number, total=3, results=None):
    listed = [{"id": number}] if results is None else results
    return {"page": number, "results": listed, "total_pages": total, "total_results": 20 * total}


def discover(server, **pages):
    """Serve discover: `p3=...` is what page 3 answers; every other page is empty."""

    def act(handler):
        number = handler.path.partition("page=")[2].partition("&")[0]
        pages.get(f"p{number}", reply(200, page(int(number), results=[])))(handler)

    server.plays("/discover/movie", act)


def test_crawl_asks_as_many_pages_as_there_are(server, connect):
    discover(server, **{f"p{n}": reply(200, page(n)) for n in (1, 2, 3)})
    pages = {page.page: page for page in crawl(connect(), 500)}
    assert sorted(pages) == [1, 2, 3]
    assert (pages[2].results, pages[2].total_pages, pages[2].total_results, pages[2].problem) == (
        [{"id": 2}],
        3,
        60,
        None,
    )
    assert server.paths[0] == (
        "/3/discover/movie?page=1&sort_by=popularity.desc&include_adult=false&include_video=false&language=en-US"
    )
    assert sorted(page.page for page in crawl(connect(), 2)) == [1, 2]
    assert sorted(page.page for page in crawl(connect(), 500, skip={1, 3})) == [2]
    assert list(crawl(connect(), 3, skip=[1, 2, 3])) == []


def test_crawl_follows_a_count_that_grows_and_ignores_one_that_shrinks(server, connect):
    discover(
        server,
        p1=reply(200, page(1, 3)),
        p2=reply(200, page(2, 1)),
        p3=reply(200, page(3, 4)),
        p4=reply(200, page(4, 4)),
    )
    assert sorted(page.page for page in crawl(connect(), 500)) == [1, 2, 3, 4]


def test_crawl_never_asks_page_501(server, connect):
    discover(server, p1=reply(200, page(1, 53_903)))
    assert sorted(page.page for page in crawl(connect(), 600, skip=range(2, 490))) == [1, *range(490, 501)]


def test_crawl_of_nothing(server, connect):
    discover(server, p1=reply(200, {"page": 1, "results": [], "total_pages": 0, "total_results": 0}))
    assert [(page.page, page.results, page.problem) for page in crawl(connect(), 5)] == [(1, [], None)]


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        (reply(200, b"<html>"), "cannot be read"),
        (reply(200, []), "a JSON list instead of a dict"),
        (reply(200, {"page": 1, "results": None, "total_pages": 3}), "holds no list of results"),
        (reply(200, {"page": 1, "results": {"id": 1}}), "holds no list of results"),
    ],
)
@pytest.mark.parametrize("number", [1, 2])
def test_crawl_yields_a_broken_page_with_its_problem_and_loads_the_rest(server, connect, number, broken, problem):
    good = {f"p{n}": reply(200, page(n)) for n in (1, 2, 3)}
    discover(server, **{**good, f"p{number}": broken})
    pages = {page.page: page for page in crawl(connect(), 3)}
    assert sorted(pages) == [1, 2, 3]
    assert pages[number].results == []
    assert problem in pages[number].problem
    assert [page.problem for other, page in pages.items() if other != number] == [None, None]
    assert pages[number].fetched_at.tzinfo is dt.UTC


def test_crawl_raises_what_ends_the_crawl(server, connect):
    discover(server, p1=reply(200, page(1)), p2=reply(503, {}))
    with pytest.raises(errors.UnreachableError):
        list(crawl(connect(), 3))
    server.plays("/discover/movie", reply(404, {}))
    with pytest.raises(errors.BadRequestError, match="end in /3"):
        list(crawl(connect(), 3))


def test_threads_end_with_a_crawl_that_fails_or_is_abandoned(server, connect):
    pages = {f"p{n}": reply(200, page(n, 300)) for n in range(1, 301)}
    discover(server, **{**pages, "p5": reply(422, {})})
    with pytest.raises(errors.BadRequestError) as caught:
        list(crawl(connect(), 300))
    assert fetch_threads() == []  # while `caught` still holds the frames of the crawl
    assert caught.value.__context__ is None
    abandoned = crawl(connect(), 300)
    assert [next(abandoned).page, next(abandoned).problem] == [1, None]
    abandoned.close()
    assert fetch_threads() == []


def test_crawl_goes_on_where_the_first_page_does_not_count(server, connect):
    discover(server, p1=reply(200, {"results": [{"id": 1}], "total_pages": "many"}), p2=reply(200, page(2)))
    assert {page.page: len(page.results) for page in crawl(connect(), 3)} == {1: 1, 2: 1, 3: 0}
