"""Where the time of a run goes: from Dagster's event log, and from Python's log of imports."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from pathlib import Path

import psycopg

# Phase -> the assets that belong to it, by prefix.
STEPS = {
    "fetching": ("raw_",),
    "loading": ("dim_", "bridge_", "fact_movie_daily", "country_continent"),
    "views": ("vw_",),
    "charts": ("report_", "dashboard"),
}
CHECKS = "checks across tables"  # separate steps, which store nothing
BEFORE, BETWEEN, AFTER = "start-up", "Dagster between the steps", "summary and exit"
IMPORT_LINE = re.compile(r"^import time:\s+(\d+) \|\s+\d+ \|\s+([\w.]+)$")
RUN_BEGINS = "Loading "  # the command's first line: later imports are made by a step

EVENTS = """
select dagster_event_type, step_key, timestamp
from event_logs
where run_id = (select run_id from runs order by id desc limit 1)
and dagster_event_type in ('PIPELINE_START', 'PIPELINE_SUCCESS', 'STEP_START', 'STEP_SUCCESS', 'ASSET_MATERIALIZATION')
order by id
"""


def read_phases(storage_url: str, started_at: float, wall_s: float) -> dict[str, float]:
    """Seconds of each phase of the newest run in Dagster's storage; they add up to `wall_s`.

    `started_at` (Unix time) and `wall_s` are those of the whole process. A per-table check belongs to its table's
    step. Raises `ValueError` when the run did not succeed.
    """
    with psycopg.connect(storage_url) as connection:
        events = connection.execute(EVENTS).fetchall()
    moments = [(kind, step, moment.replace(tzinfo=dt.UTC).timestamp()) for kind, step, moment in events]
    marks = {kind: moment for kind, step, moment in moments if step is None}
    if "PIPELINE_SUCCESS" not in marks:
        raise ValueError("The newest run did not succeed; it has no phases.")
    materialized = {step for kind, step, _ in moments if kind == "ASSET_MATERIALIZATION"}
    phases = {BEFORE: marks["PIPELINE_START"] - started_at, **dict.fromkeys((*STEPS, CHECKS), 0.0)}
    begun: dict[str, float] = {}
    for kind, step, moment in moments:
        if kind == "STEP_START":
            begun[step] = moment
        elif kind == "STEP_SUCCESS":
            phases[_phase_of(step, materialized)] += moment - begun[step]
    within = marks["PIPELINE_SUCCESS"] - marks["PIPELINE_START"]
    phases[BETWEEN] = within - sum(phases[name] for name in (*STEPS, CHECKS))
    phases[AFTER] = started_at + wall_s - marks["PIPELINE_SUCCESS"]
    return phases


def _phase_of(step: str, materialized: set[str]) -> str:
    if step not in materialized:
        return CHECKS
    return next((phase for phase, prefixes in STEPS.items() if step.startswith(prefixes)), "loading")


def read_imports(output: Path) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds of importing by top-level package, before the run began and during it.

    `output` is what the command printed with PYTHONPROFILEIMPORTTIME set, which slows imports a little.
    """
    before, during = Counter[str](), Counter[str]()
    counted = before
    for line in output.read_text(encoding="utf-8", errors="replace").splitlines():
        found = IMPORT_LINE.match(line)
        if found:
            counted[found[2].split(".")[0]] += int(found[1])
        elif line.startswith(RUN_BEGINS):
            counted = during
    return _seconds(before), _seconds(during)


def _seconds(counted: Counter[str]) -> dict[str, float]:
    return {package: microseconds / 1e6 for package, microseconds in counted.most_common()}
