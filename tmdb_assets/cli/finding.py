"""What the checks of `tmdb-assets doctor` return."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import psycopg
import sqlalchemy as sa
from dagster import DagsterError

from tmdb_assets.errors.problem import ActionableError, plain
from tmdb_assets.warehouse.server.databases import driver_problem, first_line

State = Literal["ok", "note", "wrong"]


@dataclass(frozen=True)
class Finding:
    """One line of the report. `wrong` makes the exit code 1; a `note` is for information."""

    state: State
    what: str
    text: str

    def __post_init__(self) -> None:
        """Make the text `plain`: parts of it come from other programs."""
        object.__setattr__(self, "text", plain(self.text))


def reported(what: str, check: Callable[[], Finding | Iterator[Finding]]) -> Iterator[Finding]:
    """The findings of a check, and why it could not be made; no other text of an error, which may hold a secret."""
    try:
        found = check()
        yield from [found] if isinstance(found, Finding) else found
    except (sa.exc.DBAPIError, psycopg.Error, ActionableError, DagsterError) as error:
        problem = None if isinstance(error, ActionableError) else driver_problem(error)
        yield Finding("wrong", what, str(problem or first_line(getattr(error, "orig", error))))
    except Exception as error:
        place = f": {error.strerror}, {error.filename}" if isinstance(error, OSError) and error.strerror else ""
        yield Finding("wrong", what, f"this cannot be examined ({type(error).__name__}{plain(place)})")
