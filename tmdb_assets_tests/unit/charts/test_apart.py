"""The process that draws: what it is given, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping

import psutil
import pytest

from tmdb_assets.charts.apart import ProcessEndedError, ahead, apart, prepare

ITSELF = "tmdb_assets_tests.unit.charts.test_apart"


def identify() -> tuple[int, Mapping[str, str]]:
    """The process in which it is called, and its environment."""
    return os.getpid(), dict(os.environ)


def fail(text: str) -> None:
    """Raise an error of the library's user."""
    raise LookupError(text)


def count_arrow() -> int:
    """How many of pyarrow's modules are there once pandas is."""
    import pandas as pd

    pd.DataFrame({"title": pd.Series(["Alien"], dtype="string")})
    return sum(name.startswith("pyarrow.") for name in sys.modules)


def end(number: int) -> None:
    """End this process as the operating system would."""
    os.kill(os.getpid(), number)


def interrupt(_frame: object, _number: int) -> None:
    """What Ctrl-C does."""
    raise KeyboardInterrupt


def test_another_process_is_called_without_any_setting_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    end_if_running()
    monkeypatch.setenv("TMDB_TOKEN", "a secret")
    monkeypatch.setenv("WAREHOUSE_URL", "postgresql://user:secret@host/tmdb")
    number, environment = apart(f"{ITSELF}:identify")
    assert number != os.getpid()
    assert "secret" not in "".join(environment.values())
    assert environment["PATH"] == os.environ["PATH"]
    assert apart(f"{ITSELF}:identify")[0] == number
    assert not any("secret" in argument for argument in psutil.Process(number).cmdline())


def test_pandas_does_without_pyarrow_there() -> None:
    assert apart(f"{ITSELF}:count_arrow") == 0


def end_if_running() -> None:
    """End the process of earlier tests."""
    with pytest.raises(ProcessEndedError):
        apart(f"{ITSELF}:end", signal.SIGKILL)


@pytest.mark.long
def test_a_prepared_process_answers_the_first_real_call_and_is_quiet_about_what_failed_before() -> None:
    end_if_running()
    prepare("tmdb_assets.charts.drawing:warm_up")
    number, _ = apart(f"{ITSELF}:identify")
    prepare(f"{ITSELF}:fail")  # one runs: nothing is called
    assert apart(f"{ITSELF}:identify")[0] == number
    end_if_running()
    prepare(f"{ITSELF}:fail")
    assert apart(f"{ITSELF}:identify")[0] != number


def test_its_errors_are_raised_here_and_it_goes_on() -> None:
    number, _ = apart(f"{ITSELF}:identify")
    with pytest.raises(LookupError, match="no such film"):
        apart(f"{ITSELF}:fail", "no such film")
    assert apart(f"{ITSELF}:identify")[0] == number


def test_a_killed_process_is_named_and_the_next_call_starts_another() -> None:
    number, _ = apart(f"{ITSELF}:identify")
    with pytest.raises(ProcessEndedError, match="ended with code -9"):
        apart(f"{ITSELF}:end", signal.SIGKILL)
    assert apart(f"{ITSELF}:identify")[0] != number


def test_calls_that_were_begun_are_answered_each_with_its_own_result_or_error() -> None:
    number, _ = apart(f"{ITSELF}:identify")
    begun = [ahead(apart, "builtins:len", "x" * length) for length in range(5)]
    failed = ahead(apart, f"{ITSELF}:fail", "no such film")
    assert apart(f"{ITSELF}:identify")[0] == number
    assert [future.result(60) for future in begun] == list(range(5))
    with pytest.raises(LookupError, match="no such film"):
        failed.result(60)
    waiting = ahead(apart, "signal:pause")
    os.kill(number, signal.SIGKILL)
    with pytest.raises(ProcessEndedError, match="ended with code -9"):
        waiting.result(60)


def test_a_program_ends_at_once_though_calls_that_it_began_do_not_and_leaves_no_process() -> None:
    program = (
        "from tmdb_assets.charts.apart import ahead, apart; apart('builtins:len', '')\n"
        "for _ in range(5): ahead(apart, 'signal:pause')"
    )
    # A process that it leaves has its standard error, which then does not end.
    done = subprocess.run([sys.executable, "-c", program], timeout=60, check=True, stderr=subprocess.PIPE)
    assert done.stderr == b""


def test_an_interrupted_call_ends_it_so_that_no_late_answer_is_taken_for_the_next() -> None:
    number, _ = apart(f"{ITSELF}:identify")
    former = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(KeyboardInterrupt):
            apart("signal:pause")
    finally:
        signal.signal(signal.SIGALRM, former)
    assert not psutil.pid_exists(number)
    assert apart(f"{ITSELF}:identify")[0] != number
