"""What every command shares: exit codes, one-line errors, Dagster's home."""

from __future__ import annotations

import datetime as dt
import gc
import logging
import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn

import click

from tmdb_assets.errors.problem import ActionableError
from tmdb_assets.fetch.progress import INTERRUPTED_LINE
from tmdb_assets.settings import DATA_DIR, HOME_VARIABLE, PROJECT_ROOT, SHIPPED_DIR, SettingsError, get_settings

FAILED, UNUSABLE, INTERRUPTED = 1, 2, 130


def stop(message: str, code: int) -> NoReturn:
    """Print the message on stderr and end the command with the exit code."""
    click.echo(message, err=True)
    raise SystemExit(code)


def parse_day(_context: click.Context, _parameter: click.Parameter, value: str | None) -> dt.date | None:
    """The date that an option names. Raises `click.BadParameter`."""
    if value is None:
        return None
    try:
        return dt.date.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a date; write YYYY-MM-DD.") from None


def parse_text(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """The text that an option gives. Raises `click.BadParameter` for bytes that are not UTF-8, and for NUL."""
    if value is not None and ("\0" in value or any("\ud800" <= character <= "\udfff" for character in value)):
        raise click.BadParameter(f"{value!r} is not text in UTF-8.")
    return value


def _dagster_home() -> Path:
    """Dagster's folder for logs of steps; its `dagster.yaml` links to this release's, unless it is a file."""
    home = DATA_DIR / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    link = home / "dagster.yaml"
    shipped = SHIPPED_DIR / "dagster.yaml"
    if not link.exists() or (link.is_symlink() and link.resolve() != shipped.resolve()):
        # Missing, of another checkout, or of one that was moved. Replaced in one step: other commands may do the same.
        made = home / f".dagster.yaml.{os.getpid()}"
        made.unlink(missing_ok=True)
        made.symlink_to(os.path.relpath(shipped, home))
        made.replace(link)
    return home


def plain_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """Set up what every command needs; an error that a person must act on ends it with one line, no stack trace."""

    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        # A command allocates in one burst and then ends: collecting garbage less often, and not again at the exit,
        # saves 10 to 25% of its time (docs/performance.md).
        gc.set_threshold(50_000, 20, 100)
        try:
            get_settings()
        except SettingsError as error:
            stop(str(error), UNUSABLE)
        from tmdb_assets.instance.sentences import is_no_storage_retry
        from tmdb_assets.warehouse.server.open import stop_on_signals

        stop_on_signals()
        logging.getLogger().addFilter(is_no_storage_retry)
        try:
            PROJECT_ROOT.mkdir(parents=True, exist_ok=True)
            os.chdir(PROJECT_ROOT)
            dagster_home = _dagster_home()
        except OSError as error:
            text = f"{PROJECT_ROOT} cannot be written: {error.strerror}. Choose another folder: {HOME_VARIABLE}=..."
            stop(text, UNUSABLE)
        os.environ[HOME_VARIABLE] = str(PROJECT_ROOT)
        os.environ["DAGSTER_HOME"] = str(dagster_home)
        try:
            return command(*args, **kwargs)
        except ActionableError as error:
            stop(str(error), FAILED)
        except KeyboardInterrupt:
            stop(INTERRUPTED_LINE, INTERRUPTED)
        except Exception as error:
            from tmdb_assets.warehouse.server.databases import driver_problem

            if (problem := driver_problem(error)) is None:
                raise
            stop(str(problem), FAILED)
        finally:
            gc.freeze()

    return wrapped
