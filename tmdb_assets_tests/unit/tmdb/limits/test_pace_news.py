"""What is told of the pace, on a clock that the test turns."""

import threading

import pytest

from tmdb_assets.tmdb.limits.pace import Pace
from tmdb_assets_tests.fakes.rate_limited_server import RateLimitedServer
from tmdb_assets_tests.fakes.virtual_time import VirtualTime


@pytest.fixture
def told():
    return []


@pytest.fixture
def time():
    return VirtualTime()


@pytest.fixture
def pace(time, told):
    return Pace(40, clock=time.clock, sleep=time.sleep, tell=told.append)


def send(pace, taken=0, refused=0, wish=0):
    for number in range(taken + refused):
        sent = pace.acquire()
        if number < taken:
            pace.accept(sent)
        else:
            pace.refuse(wish, sent)


def test_a_lowered_pace_and_its_return_are_told_once(pace, told):
    send(pace, taken=100, refused=3)
    assert told == []
    send(pace, refused=1)
    lowered = (
        "TMDb finds our requests too many (429): the pace is lowered to 32.4 requests a second; it comes back to 40 "
        "requests a second by itself."
    )
    assert told == [lowered]
    send(pace, taken=40, refused=4)
    assert told == [lowered]  # a little lower is no news
    send(pace, taken=4000)
    assert told == [lowered, "TMDb takes our requests again: the pace is back at 40 requests a second."]


def test_a_pace_that_falls_much_further_is_told_again(pace, told):
    for _ in range(5):
        send(pace, refused=4)
    assert [float(line.split("lowered to ")[1].split()[0]) for line in told] == [19.6, 4.89, 1.22]


def test_long_waits_are_told_and_short_ones_are_not(pace, time, told):
    send(pace, taken=100, refused=1, wish=2)
    send(pace, taken=100, refused=1, wish=30)
    send(pace, taken=100, refused=1, wish=30)
    assert told == ["TMDb asks to wait 30 s (429): nothing is sent until then."]
    send(pace, taken=100, refused=1, wish=90)
    assert told[1:] == ["TMDb asks to wait 90 s (429): nothing is sent until then."]
    send(pace, taken=400, refused=1, wish=10)
    assert told[2:] == ["TMDb asks to wait 10 s (429): nothing is sent until then."]


def test_one_wait_that_many_requests_bring_is_told_once(pace, told):
    sent = [pace.acquire() for _ in range(3)]
    for each in sent:
        pace.refuse(45, each)
    assert sum("asks to wait" in line for line in told) == 1


def test_a_limit_that_is_found_again_and_again_is_told_seldom():
    server = RateLimitedServer(20, retry_after=0).play(48, seconds=600)
    assert len(server.lowered) > 15
    assert 1 <= len(server.told) <= 3


def test_threads_tell_one_at_a_time_without_holding_up_the_pace(time):
    told, telling, go_on = [], threading.Event(), threading.Event()

    def tell(line):
        told.append(line)
        telling.set()
        go_on.wait(10)

    pace = Pace(0, clock=time.clock, sleep=time.sleep, tell=tell)
    sent = [pace.acquire() for _ in range(8)]
    time.now += 1
    thread = threading.Thread(target=lambda: [pace.refuse(0, each) for each in sent[:4]])
    thread.start()
    assert telling.wait(10)
    time.now += 1
    assert pace.acquire() >= time.now - 1  # while somebody listens to the first line
    go_on.set()
    thread.join(10)
    assert len(told) == 1
