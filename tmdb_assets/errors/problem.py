"""An error as data: what happened, what was kept, what to do, whether to retry. Only this module renders it as text.

Rooms raise subclasses of `ActionableError` and pass its `Problem` on. Decisions (retry, exit code, alert) read a field,
never the text. No field holds a secret.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import ClassVar, Self

KEPT = "What is already stored is kept"
UNCHANGED = "Nothing was changed"

_LOGIN = re.compile(r"(\w:/{1,3})(?!user:password@)[^\s/'\"]*@")
_SECRET_PARAMETER = re.compile(r"(?i)((?:api_?key|token|password|passwd|secret)=)[^\s&'\"]+")


def plain(text: str) -> str:
    """Text of another program as one line that can be shown, without what would change how the rest is shown.

    Control characters (which a terminal obeys) become spaces; marks that cannot be seen or that reorder text, as right
    to left, are left out. Of addresses in it, the login and parameters that hold a secret are replaced by `***`.
    """
    text = _SECRET_PARAMETER.sub(r"\1***", _LOGIN.sub(r"\1***@", text))
    if text.isprintable():
        return text
    return " ".join("".join(map(_shown, text)).split())


# What receivers of messages read as a mention, markup, an image, a link or an emoji: signs that look alike and mean
# nothing take their place.
_MARKS = str.maketrans("@*_~`[]|#<>\\", "\uff20\u2217\uff3f\uff5e\u02cb\uff3b\uff3d\uff5c\uff03\uff1c\uff1e\uff3c")
_JOINTS = re.compile(r":(?=\S)|(?<=\w)\.(?=[^\W\d])")  # of addresses and emoji; not those of figures


def unmarked(text: str) -> str:
    """Text of others for a message or for Markdown: `plain`, calls nobody, links nowhere, and is read as it is."""
    return _JOINTS.sub(lambda found: "\uff1a" if found[0] == ":" else "\u2024", plain(text).translate(_MARKS))


def plain_lines(text: str) -> str:
    """Text of another program line by line, each `plain`."""
    return "\n".join(map(plain, text.split("\n")))


# At the start of a cell, and after a semicolon, which separates cells where the decimal mark is a comma; some programs
# take full-width and small signs for the same. Reference: https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = re.compile(r"(^|;)([\s\"]*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b])")


def as_cell(text: str) -> str:
    """Text of others for a table that may become a CSV file: `plain`, and no spreadsheet takes it for a formula."""
    return _FORMULA.sub(r"\1'\2", plain(text))


def _shown(character: str) -> str:
    if character.isprintable() or character.isspace():
        return character
    return {"Cc": " ", "Cf": ""}.get(unicodedata.category(character), "\ufffd")


class Retry(StrEnum):
    """When the same attempt can succeed."""

    NEVER = "never"
    """It will fail the same way."""
    ONCE_FIXED = "once fixed"
    """After the action was taken."""
    LATER = "later"
    """After some time: at `retry_at` where that is known."""
    NOW = "now"
    """At once: a step of a run is retried automatically."""


@dataclass(frozen=True)
class Problem:
    """What went wrong; each text is a sentence without its full stop.

    `setting` is the variable to change, if there is one. `retry_at` is aware. `cause` is `what` in a few words, the
    same ones on every day that has the problem; None where the problem belongs to one day or is not a day's.
    """

    what: str
    kept: str | None = None
    action: str | None = None
    setting: str | None = None
    retry: Retry = Retry.ONCE_FIXED
    retry_at: dt.datetime | None = None
    cause: str | None = None

    def __post_init__(self) -> None:
        """Make every text `plain`: parts of it come from other programs."""
        for field in fields(self):
            if type(value := getattr(self, field.name)) is str:
                object.__setattr__(self, field.name, plain(value))

    def __str__(self) -> str:
        return _sentences(self.what, self.kept, self.advice)

    @property
    def summary(self) -> str:
        """The problem in short, for a list of many days."""
        return _sentences(self.cause or self.what, self.advice)

    @property
    def advice(self) -> str:
        """What to do and when to run again, as sentences; empty where nothing helps."""
        return _sentences(self.action, self._when)

    @property
    def _when(self) -> str | None:
        resume = " to resume" if self.kept == KEPT else ""  # else there is nothing that a new run could use
        if self.retry is Retry.LATER:
            when = f"after {self.retry_at.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC" if self.retry_at else "later"
            return f"Run again {when}{resume}"
        if self.retry is Retry.NOW:
            return f"Run again{resume}"
        return "Then run again" if self.retry is Retry.ONCE_FIXED and self.action else None


class ActionableError(Exception):
    """Base of the errors that a person must act on; their text is one line, rendered from `problem`.

    A subclass sets what its errors have in common: `kept`, `action` and `retry` unless the error says otherwise.
    """

    kept: ClassVar[str | None] = None
    action: ClassVar[str | None] = None
    retry: ClassVar[Retry] = Retry.ONCE_FIXED

    def __init__(
        self,
        what: str,
        *,
        kept: str | None = None,
        action: str | None = None,
        setting: str | None = None,
        retry: Retry | None = None,
        retry_at: dt.datetime | None = None,
        cause: str | None = None,
    ) -> None:
        super().__init__(what)
        self.problem = Problem(
            what, kept or self.kept, action or self.action, setting, retry or self.retry, retry_at, cause
        )

    @classmethod
    def of(cls, problem: Problem) -> Self:
        """An error with the given problem, such as that of another error."""
        error = cls(problem.what)
        error.problem = problem
        return error

    def __str__(self) -> str:
        return str(self.problem)


def _sentences(*parts: str | None) -> str:
    return " ".join(part if part.endswith((".", "!", "?", ";")) else f"{part}." for part in parts if part)


class TakenNameError(ValueError):
    """A table of this name is declared already; the argument is the name."""
