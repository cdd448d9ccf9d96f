"""The sandbox's HTTP: invalid requests, clients that disconnect, many clients, speed, and stopping."""

import json
import logging
import socket
import threading
import time

import pytest

from tmdb_assets_tests.cases.sandbox_sample import REQUEST, ask, connect, dial, get, make_sandbox, speak
from tmdb_assets_tests.stage.waiting import PATIENCE_S


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "BREW"])
def test_other_methods_are_refused_and_the_connection_stays_open(url, method):
    connection = connect(url)
    status, headers, body = ask(connection, "/movie/101", method, body=b"GET /3/movie/999 HTTP/1.1\r\n\r\n")
    assert (status, headers["Allow"], json.loads(body)["status_code"]) == (405, "GET", 42)
    assert json.loads(ask(connection, "/movie/101")[2])["id"] == 101
    connection.close()


INVALID = [b"\x16\x03\x01\x02\r\n\r\n", b"hello\r\n\r\n", b"GET / HTTP/2\r\n\r\n"]
INVALID += [b"GET / HTTP/1.1\r\nContent-Length: %s\r\n\r\n" % length for length in (b"many", b"-1", b"9" * 9)]
INVALID += [b"GET / HTTP/1.1\r\nX: " + b"x" * 65_536]


@pytest.mark.parametrize("text", INVALID, ids=range(len(INVALID)))
def test_an_invalid_request_is_refused_and_the_connection_closed(url, text):
    head, _, body = speak(url, text).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"Connection: close" in head
    assert json.loads(body)["status_code"] == 47


def test_pipelined_requests_are_answered_in_order_until_the_connection_closes(url):
    text = REQUEST % (101, 1, b"") + REQUEST % (999, 1, b"") + REQUEST % (102, 1, b"Connection: close\r\n") + b"GET"
    answers = speak(url, text).split(b"HTTP/1.1 ")[1:]
    assert [answer.split(b"\r\n")[0] for answer in answers] == [b"200 OK", b"404 Not Found", b"200 OK"]
    assert [b"keep-alive" in answer for answer in answers] == [True, True, False]
    assert b"Connection: close" in speak(url, REQUEST % (101, 0, b""))


def test_clients_that_disconnect_do_not_affect_others(url, capfd, caplog):
    caplog.set_level(logging.INFO)
    request = REQUEST % (101, 1, b"")
    for text in (b"", b"GET /3/mov", request, request * 200, REQUEST % (101, 1, b"Content-Length: 50\r\n") + b"half"):
        plain = dial(url)
        # Lingering for 0 s turns close() into a reset.
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
    running.stop()  # does nothing when stopped
    with running:
        assert get(running.start(), "/movie/101")[0] == 200
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


def test_it_starts_and_answers_fast(sample):
    starts, rates = [], []
    for _ in range(3):  # the best of three, in seconds of CPU, as the machine may be busy
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
