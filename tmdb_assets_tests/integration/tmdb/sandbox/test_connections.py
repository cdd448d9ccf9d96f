"""The sandbox's HTTP: clients that disconnect, many clients, speed, and stopping."""

import json
import logging
import socket
import threading
import time

import pytest

from tmdb_assets_tests.cases.sandbox_sample import REQUEST, connect, dial, get, make_sandbox, request, speak
from tmdb_assets_tests.stage.waiting import PATIENCE_S


@pytest.mark.parametrize(
    ("text", "status"),
    [(b"\x16\x03\x01\x02\r\n\r\n", b"400"), (b"hello\r\n\r\n", b"400"), (b"POST / HTTP/1.0\r\n\r\n", b"501")],
)
def test_an_invalid_request_is_refused_and_the_connection_closed(url, text, status):
    assert status in speak(url, text)
    assert get(url, "/movie/101")[0] == 200


def test_a_connection_is_kept_open(url):
    connection = connect(url)
    answers = [request(connection, f"/movie/{movie_id}") for movie_id in (101, 999, 102)]
    assert [(status, json.loads(body).get("id")) for status, _, body in answers] == [
        (200, 101),
        (404, None),
        (200, 102),
    ]
    connection.close()


def test_clients_that_disconnect_do_not_affect_others(url, capfd, caplog):
    caplog.set_level(logging.INFO)
    whole = REQUEST % (101, 1, b"")
    for text in (b"", b"GET /3/mov", whole, whole * 200, REQUEST % (101, 1, b"Content-Length: 50\r\n") + b"half"):
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
        statuses.extend(request(connection, f"/movie/{movie_id}")[0] for movie_id in (101, 102, 999))
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert sorted(statuses) == [200] * 128 + [404] * 64


def test_it_can_be_stopped_and_started_again(sample):
    running = make_sandbox(sample)
    url = running.start()
    assert running.start() == url
    connection = connect(url)
    request(connection, "/movie/101")  # an open connection delays nothing
    running.stop()
    connection.close()
    with pytest.raises(ConnectionRefusedError):
        dial(url)
    running.stop()  # does nothing when stopped
    with running:
        assert get(running.start(), "/movie/101")[0] == 200


def test_it_starts_and_answers_fast(sample):
    starts, rates = [], []
    for _ in range(3):  # the best of three, in seconds of CPU, as the machine may be busy
        begin = time.process_time()
        with make_sandbox(sample) as running:
            connection = connect(running.start())
            assert request(connection, "/movie/101")[0] == 200
            starts.append(time.process_time() - begin)
            begin = time.process_time()
            assert {request(connection, "/discover/movie")[0] for _ in range(200)} == {200}
            rates.append(200 / (time.process_time() - begin))
            connection.close()
    assert min(starts) < 0.2
    assert max(rates) > 500
