"""The running platform as its users see it: through the webserver and the database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import requests
import sqlalchemy as sa

from tmdb_assets_tests.stage.waiting import PATIENCE_S, wait_until

LAUNCH = """
mutation ($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}
"""
RUNS = """
query ($day: String!) {
  runsOrError(filter: {tags: [{key: "dagster/partition", value: $day}]}) {
    ... on Runs { results { runId status parentRunId jobName } }
  }
}
"""
INSTIGATORS = """
{ repositoryOrError(repositorySelector: {repositoryLocationName: "tmdb_assets", repositoryName: "__repository__"}) {
    ... on Repository { schedules { name scheduleState { status } } sensors { name sensorState { status } } } } }
"""
DAY = """
select l.discover_count + l.export_count as loaded, f.rows, f.films
from load_day as l
cross join (select count(*) as rows, count(distinct movie_id) as films from fact_movie_daily where date_id = :day) as f
where l.date_id = :day
"""


class Running:
    """The running platform as its users see it: through the webserver and the database.

    `made` serves the UI; its `ports` have the webserver's under that of its container.
    """

    def __init__(self, made: Any, engine: sa.Engine) -> None:
        self.services, self.engine = made, engine

    def query(self, query: str, **variables: Any) -> Any:
        url = f"http://127.0.0.1:{self.services.ports['3000']}/graphql"
        answer = requests.post(url, json={"query": query, "variables": variables}, timeout=PATIENCE_S).json()
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def knows_the_code(self) -> bool:
        return "schedules" in self.query(INSTIGATORS)["repositoryOrError"]

    def launch(self, job: str, day: dt.date, refresh: Sequence[str] = ()) -> str:
        """Launch a job for a day, as the UI does; return the run's id. The steps `refresh` request everything again."""
        selector = {
            "repositoryLocationName": "tmdb_assets",
            "repositoryName": "__repository__",
            "pipelineName": job,
        }
        tags = [{"key": "dagster/partition", "value": day.isoformat()}]
        config = {"ops": {step: {"config": {"refresh": True}} for step in refresh}}
        params = {"selector": selector, "executionMetadata": {"tags": tags}, "runConfigData": config}
        launched = self.query(LAUNCH, params=params)["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return str(launched["run"]["runId"])

    def runs(self, day: dt.date, job: str = "backfill") -> list[dict[str, Any]]:
        """The runs of a job for a day, the newest first."""
        found = self.query(RUNS, day=day.isoformat())["runsOrError"]["results"]
        return [run for run in found if run["jobName"] == job]

    def status(self, run_id: str, day: dt.date, job: str = "backfill") -> str:
        return next(str(run["status"]) for run in self.runs(day, job) if run["runId"] == run_id)

    def await_status(self, run_id: str, day: dt.date, wanted: str, job: str = "backfill") -> None:
        ends = {wanted, "FAILURE", "CANCELED", "SUCCESS"}
        # Polled slowly: each query costs the webserver some work.
        reached = wait_until(lambda: self.status(run_id, day, job) in ends, every=0.2)
        assert reached, self.runs(day, job)
        assert self.status(run_id, day, job) == wanted

    @contextmanager
    def loads_held(self) -> Iterator[None]:
        """Keep runs from finishing their load: they wait for a lock on `load_day`."""
        with self.engine.begin() as connection:
            connection.execute(sa.text("lock table load_day in exclusive mode"))
            yield

    def loaded(self, day: dt.date) -> tuple[int, int, int] | None:
        """Films counted by the day's load, rows and distinct films of its fact; None if not loaded."""
        with self.engine.begin() as connection:
            row = connection.execute(sa.text(DAY), {"day": day}).one_or_none()
        return None if row is None else (row[0], row[1], row[2])
