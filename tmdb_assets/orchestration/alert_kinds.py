"""The kinds of alerts: each is declared here, and has its line in docs/runbook.md."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AlertKind:
    """A kind of alert: the first word of its causes, what it says, and what to do."""

    name: str
    says: str
    advice: str

    def cause(self, subject: object) -> str:
        """The cause of an alert of this kind, which is sent once a day."""
        return f"{self.name} {subject}"


RUN = AlertKind(
    "run",
    "A run failed, with its first problem; one alert for all days that share the cause.",
    "do what its text says, then run the command that it names: the run resumes. What the run stored is kept. The "
    "table under [A run failed](#a-run-failed) has the texts.",
)
CHECK = AlertKind(
    "check",
    "A check failed with severity ERROR: figures of the day are missing or wrong. Warnings are not sent.",
    "look for the check in the table of checks. The page Checks of its asset, and `check_result`, have the details.",
)
OVERDUE = AlertKind(
    "overdue",
    "Today is not loaded at noon (UTC), and no run is loading it.",
    "`tmdb-assets run` before midnight UTC, because votes are available on the day itself only; then "
    "`tmdb-assets doctor`: does the daemon run?",
)
MISSED = AlertKind(
    "overdue before",
    "TMDb was not requested on days before today: their votes are lost.",
    "nothing where the daemon runs, which loads their popularity from the id exports; otherwise `tmdb-assets backfill` "
    "with the days that the text names.",
)
KINDS = (RUN, CHECK, OVERDUE, MISSED)
