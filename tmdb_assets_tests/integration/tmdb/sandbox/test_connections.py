"""How the sandbox treats its clients over real loopback HTTP: the wire, the rude, the many, the fast, and its end."""

import json
import logging
import socket
import threading
import time

import pytest

from tmdb_assets_tests.cases.sandbox_sample import REQUEST, ask, connect, dial, get, make_sandbox, speak
from tmdb_assets_tests.stage.waiting import PATIENCE_S


def test_head_has_the_length_and_no_body(url):
    connection = connect(url)
    status, headers, body = ask(connection, "/movie/101", method="HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["Content-Length"]) == len(ask(connection, "/movie/101")[2])
    connection.close()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "BREW"])
def test_other_methods_are_refused_and_the_connection_lives_on(url, method):
    connection = connect(url)
    status, headers, body = ask(connection, "/movie/101", method, body=b"GET /3/movie/999 HTTP/1.1\r\n\r\n")
    assert (status, headers["Allow"], json.loads(body)["status_code"]) == (405, "GET, HEAD", 42)
    assert json.loads(ask(connection, "/movie/101")[2])["id"] == 101
    connection.close()


NO_REQUESTS = [b"\x16\x03\x01\x02\r\n\r\n", b"hello\r\n\r\n", b"GET / HTTP/2\r\n\r\n"]
NO_REQUESTS += [b"GET / HTTP/1.1\r\nContent-Length: %s\r\n\r\n" % length for length in (b"many", b"-1", b"9" * 9)]
NO_REQUESTS += [b"GET / HTTP/1.1\r\nX: " + b"x" * 65_536]


@pytest.mark.parametrize("text", NO_REQUESTS, ids=range(len(NO_REQUESTS)))
def test_what_is_no_request_is_refused_and_the_connection_closed(url, text):
    head, _, body = speak(url, text).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"Connection: close" in head
    assert json.loads(body)["status_code"] == 47


def test_requests_on_one_connection_are_answered_in_order_until_it_shall_close(url):
    text = REQUEST % (101, 1, b"") + REQUEST % (999, 1, b"") + REQUEST % (102, 1, b"Connection: close\r\n") + b"GET"
    answers = speak(url, text).split(b"HTTP/1.1 ")[1:]
    assert [answer.split(b"\r\n")[0] for answer in answers] == [b"200 OK", b"404 Not Found", b"200 OK"]
    assert [b"keep-alive" in answer for answer in answers] == [True, True, False]
    assert b"Connection: close" in speak(url, REQUEST % (101, 0, b""))


def test_clients_that_hang_up_disturb_nobody(url, capfd, caplog):
    caplog.set_level(logging.INFO)
    request = REQUEST % (101, 1, b"")
    for text in (b"", b"GET /3/mov", request, request * 200, REQUEST % (101, 1, b"Content-Length: 50\r\n") + b"half"):
        plain = dial(url)
        # Lingering for 0 s makes close() a reset, the rudest way to go.
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        plain.sendall(text)
        plain.close()
    assert get(url, "/movie/101")[0] == 200
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


def test_64_clients_at_once(url):
    statuses, start = [], threading.Barrier(64)

    def client():
        connection = connect(url)
        start.wait(PATIENCE_S)
        statuses.extend(ask(connection, f"/movie/{movie_id}")[0] for movie_id in (101, 102, 999))
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert sorted(statuses) == [200] * 128 + [404] * 64


def test_stop_closes_open_connections_and_ends_the_thread(sample, capfd, caplog):
    before = set(threading.enumerate())
    running = make_sandbox(sample)
    url = running.start()
    assert running.start() == url
    connections = [connect(url) for _ in range(5)]
    for connection in connections:
        ask(connection, "/movie/101")
    connections[0].sock.sendall(b"GET /3/half")
    connections[1].sock.sendall(REQUEST % (101, 1, b"") * 2000)  # answers that nobody reads
    (thread,) = set(threading.enumerate()) - before
    assert thread.daemon
    running.stop()
    assert not thread.is_alive()
    assert [connection.sock.recv(1) for connection in connections[2:]] == [b""] * 3
    for connection in connections:
        connection.close()
    with pytest.raises(ConnectionRefusedError):
        dial(url)
    running.stop()  # once more is no harm
    with running:
        assert get(running.start(), "/movie/101")[0] == 200
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


def test_it_starts_at_once_and_answers_fast(sample):
    starts, rates = [], []
    for _ in range(3):  # the best of three, in seconds of CPU: other work on the machine is not its fault
        begin = time.process_time()
        with make_sandbox(sample) as running:
            connection = connect(running.start())
            assert ask(connection, "/movie/101")[0] == 200
            starts.append(time.process_time() - begin)
            begin = time.process_time()
            assert {ask(connection, "/discover/movie")[0] for _ in range(200)} == {200}
            rates.append(200 / (time.process_time() - begin))
            connection.close()
    assert min(starts) < 0.2
    assert max(rates) > 500


def test_more_requests_than_the_rate_allows_are_told_to_come_back(sample):
    now = [1000.0]
    with make_sandbox(sample, rate=4, clock=lambda: now[0]) as running:
        connection = connect(running.start())

        def statuses(count):
            return [ask(connection, "/movie/101")[0] for _ in range(count)]

        assert statuses(6) == [200] * 4 + [429] * 2  # one second's worth at once
        now[0] += 0.2
        assert statuses(1) == [429]  # 0.8 of a request has come
        now[0] += 0.3
        assert statuses(3) == [200] * 2 + [429]
        now[0] += 3600
        assert statuses(5) == [200] * 4 + [429]  # no more than one second's worth is kept
        status, headers, body = ask(connection, "/movie/101", headers={})
        assert (status, headers["Retry-After"], headers["Connection"]) == (429, "1", "keep-alive")
        assert json.loads(body)["status_code"] == 25
        assert ask(connection, "/movie/101", "HEAD")[::2] == (429, b"")
        connection.close()


def test_a_rate_below_one_still_answers(sample):
    now = [0.0]
    with make_sandbox(sample, rate=0.5, clock=lambda: now[0]) as running:
        url = running.start()
        assert [get(url, "/movie/101")[0] for _ in range(2)] == [200, 429]
        now[0] = 2.0
        assert [get(url, "/movie/101")[0] for _ in range(2)] == [200, 429]


def test_without_a_rate_nobody_is_turned_away(sample):
    with make_sandbox(sample, clock=lambda: 0.0) as running:
        connection = connect(running.start())
        answers = [ask(connection, "/movie/101") for _ in range(300)]
        assert {(status, headers["Retry-After"]) for status, headers, _ in answers} == {(200, None)}
        connection.close()


@pytest.mark.parametrize("rate", [-1, float("nan"), float("inf")])
def test_a_rate_that_is_none_is_refused(sample, rate):
    with pytest.raises(ValueError, match="allowed is 0"):
        make_sandbox(sample, rate=rate)
