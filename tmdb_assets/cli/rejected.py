"""The command `tmdb-assets rejected`: rows that broke their contract, and submitting them again after a fix."""

from __future__ import annotations

import csv
import datetime as dt
import json
import sys
from typing import TYPE_CHECKING, Any

import click

from tmdb_assets.cli.exits import FAILED, INTERRUPTED, UNUSABLE, parse_day, parse_text, plain_errors, stop
from tmdb_assets.errors.problem import as_cell, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import sqlalchemy as sa
    from rich.console import Console

    from tmdb_assets.cli.day_run import DayRun
    from tmdb_assets.cli.in_process import Platform
    from tmdb_assets.warehouse.loading.load import Loaded
    from tmdb_assets.warehouse.loading.rejected import Choice, Submission

ROWS_SHOWN = 20  # more are only counted by rule
COLUMNS = ("day", "table", "part", "rule", "value", "rejected_at", "row")


@click.command()
@click.option("--day", callback=parse_day, metavar="YYYY-MM-DD", help="Only rows of this day.")
@click.option("--table", "table_name", callback=parse_text, help="Only rows of this table.")
@click.option("--rule", callback=parse_text, help="Only rows that broke a rule whose text contains this.")
@click.option("--json", "as_json", is_flag=True, help="Every row as one line of JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="Every broken rule as one line of CSV, safe for spreadsheets.")
@click.option("--retry", is_flag=True, help="Load these rows and their days again, after a fix; no request is sent.")
@plain_errors
def rejected(
    day: dt.date | None, table_name: str | None, rule: str | None, as_json: bool, as_csv: bool, retry: bool
) -> None:
    """List the rows that broke their table's contract, with the rules they broke; with --retry, load them again.

    Many are counted by rule; --json and --csv print each. A retry loads the answers that were rejected by the rules of
    this release, and then their days from what is stored. Rows that are now valid leave the list, the others stay with
    their new reasons. To run it again changes nothing.
    """
    from tmdb_assets.warehouse.loading.rejected import Choice
    from tmdb_assets.warehouse.schema.vocabulary import metadata

    if table_name is not None and table_name not in metadata.tables:
        stop(f"There is no table {plain(table_name)}; the page docs/data_dictionary.md has their names.", UNUSABLE)
    if retry and (as_json or as_csv):
        stop("--retry prints no rows: leave out --json and --csv.", UNUSABLE)
    if as_json and as_csv:
        stop("--json and --csv are two forms of the same rows: choose one.", UNUSABLE)
    choice = Choice(day, table_name, rule)
    if retry:
        raise SystemExit(_retry(choice))
    _list(choice, _as_json if as_json else _as_csv if as_csv else None)


def _list(choice: Choice, print_all: Callable[[Iterator[sa.Row[Any]]], None] | None) -> None:
    from tmdb_assets.warehouse.loading.rejected import count_by_rule, count_rejected, read_rejected
    from tmdb_assets.warehouse.warehouse import Warehouse

    warehouse = Warehouse()
    try:
        with warehouse.begin() as connection:
            if print_all is not None:
                print_all(read_rejected(connection, choice))
                return
            count = count_rejected(connection, choice)
            if not count:
                click.echo("No rejected rows.")
            elif count > ROWS_SHOWN:
                _print_rules(count, count_by_rule(connection, choice))
            else:
                _print_rows(read_rejected(connection, choice))
    finally:
        warehouse.close()


def _print_rules(count: int, rules: Sequence[sa.Row[Any]]) -> None:
    click.echo(f"{count:,} rejected rows, by table and rule:")
    for each in rules:
        days = f"{each.first_day} to {each.last_day}" if each.first_day != each.last_day else each.first_day or "no day"
        example = f", for example {plain(each.example)}" if each.example else ""
        click.echo(f"  {each.rows:>7,}  {each.table_name}: {plain(each.rule)} ({days}){example}")
    click.echo("Narrow them by --day, --table and --rule to see each, or print all with --json or --csv.")
    click.echo("After a fix: tmdb-assets rejected --retry.")


def _print_rows(rows: Iterator[sa.Row[Any]]) -> None:
    for row in rows:
        reasons = "; ".join(f"{plain(rule)}: {plain(value)}" for rule, value in _reasons(row))
        click.echo(f"{row.snapshot_date or 'no day'}  {row.table_name}  {plain(_name_of(row))}  {reasons}")
    click.echo("After a fix: tmdb-assets rejected --retry.")


def _reasons(row: sa.Row[Any]) -> Iterator[tuple[str, str]]:
    for reason in row.reasons:
        yield str(reason.get("rule")), str(reason.get("value"))


def _name_of(row: sa.Row[Any]) -> str:
    """The row's key as text, and what it came from where that says more."""
    from tmdb_assets.warehouse.schema.vocabulary import key_columns, metadata

    table = metadata.tables.get(row.table_name)
    names = [name for name in (key_columns(table) if table is not None else ()) if name in row.payload]
    key = ", ".join(f"{name} {str(row.payload[name])[:100]}" for name in names if not name.endswith("_date"))
    return ", ".join(filter(None, [row.part, key])) or "-"


def _as_json(rows: Iterator[sa.Row[Any]]) -> None:
    for row in rows:
        fields = {
            "id": row.id,
            "table": row.table_name,
            "day": row.snapshot_date and row.snapshot_date.isoformat(),
            "part": row.part,
            "rejected_at": row.rejected_at.isoformat(),
            "reasons": row.reasons,
            "row": row.payload,
        }
        click.echo(json.dumps(fields))  # in ASCII: a terminal obeys none of it


def _as_csv(rows: Iterator[sa.Row[Any]]) -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow(COLUMNS)
    for row in rows:
        for rule, value in _reasons(row):
            cells = (row.snapshot_date, row.table_name, row.part, rule, value, row.rejected_at, json.dumps(row.payload))
            writer.writerow(["" if cell is None else as_cell(str(cell)) for cell in cells])


def _retry(choice: Choice) -> int:
    from rich.console import Console

    from tmdb_assets.cli.console import ConsoleProgress
    from tmdb_assets.cli.in_process import Platform

    with Platform.open(ConsoleProgress(console := Console())) as platform:
        return retry_rejected(platform, console, choice)


def retry_rejected(platform: Platform, console: Console, choice: Choice) -> int:
    """Submit rejected rows again and print what became of them; return the exit code.

    Answers are loaded first, then their days and those of all other rows from what is stored. Answers leave
    `rejected_row` only then: a retry that is killed begins again. Rows of days that are not stored whole are left.
    """
    from tmdb_assets.cli.console import print_days, track_days
    from tmdb_assets.warehouse.loading.rejected import find_submissions, rejected_ids

    with platform.warehouse.begin() as connection:
        before, found = rejected_ids(connection), find_submissions(connection, choice)
    if not found:
        click.echo("No rejected rows.")
        return 0
    days, missing = _days_of(platform, found)
    left = [each for each in found if each.day in missing or not days]
    found = [each for each in found if each not in left]
    _submit(platform, found, is_final=False)
    outcomes = list(track_days(console, _load_days(platform, days), len(days))) if days else []
    failed = {*days} - {outcome.day for outcome in outcomes if outcome.ok}
    _submit(platform, [each for each in found if (each.day or max(days)) not in failed], is_final=True)
    with platform.warehouse.begin() as connection:
        after = rejected_ids(connection)
    if days:
        print_days(console, outcomes, len(days))
        print_changes({id_ for each in found for id_ in each.ids}, before, after)
    if left:
        _print_left(left, missing)
    if any(outcome.interrupted for outcome in outcomes):
        return INTERRUPTED
    return FAILED if failed or left else 0


def print_changes(submitted: set[str], before: set[str], after: set[str]) -> None:
    """What became of the rows submitted, and how many are new; all three are ids, the last two of the whole list."""
    rows, stay, added = len(submitted), len(submitted & after), len(after - before)
    text = f"{_rows(rows)} submitted again: {rows - stay:,} have left the list, {stay:,} stay."
    # A row's id stands for its reasons too.
    click.echo(f"{text} New in the list, or there for other reasons: {added:,}." if added else text)


def _print_left(left: Sequence[Submission], missing: Sequence[dt.date]) -> None:
    """Name the days that are not stored whole, of which nothing was loaded."""
    from tmdb_assets import partitions
    from tmdb_assets.cli.console import spans

    rows = sum(len(each.ids) for each in left)
    past = [day for day in missing if day != partitions.today()]
    advice = "tmdb-assets run" if len(past) < len(missing) or not past else ""
    backfill = f"tmdb-assets backfill --from {past[0]} --to {past[-1]}" if past else ""
    which = f"Not loaded yet: {spans(missing)}" if missing else "No day is loaded yet"
    click.echo(f"{which}. Left in the list as before: {_rows(rows)}.")
    click.echo(f"Load first: {', '.join(filter(None, [backfill, advice]))}. Then: tmdb-assets rejected --retry.")


def _rows(number: int) -> str:
    return f"{number:,} rejected row{'s' * (number != 1)}"


def _submit(platform: Platform, found: Sequence[Submission], *, is_final: bool) -> None:
    """Load the answers among the rejected rows again, one transaction for each table and day."""
    from tmdb_assets.warehouse.loading.rejected import ANSWERS, Choice, count_rejected, submit_again

    for each in found:
        if each.table_name not in ANSWERS:
            continue  # made of raw answers: its day's load brings it again
        with platform.warehouse.begin() as connection:
            loaded = submit_again(connection, each, is_final=is_final)
            left = count_rejected(connection, Choice(each.day, each.table_name))
        if is_final and loaded.received:
            _report(platform, each, loaded, left)


def _report(platform: Platform, submitted: Submission, loaded: Loaded, left: int) -> None:
    """Let the contract's check in Dagster say what is left: no run materializes the table."""
    from dagster import AssetCheckEvaluation, AssetCheckSeverity, AssetKey

    from tmdb_assets.charts.labels import CONTRACT

    text = f"Of {loaded.received} rejected rows submitted again {loaded.kept} are loaded; {left} rows are left."
    platform.instance.report_runless_asset_event(
        AssetCheckEvaluation(
            asset_key=AssetKey(submitted.table_name),
            check_name=CONTRACT,
            passed=not left,
            severity=AssetCheckSeverity.WARN,
            description=f"{text} To see them: tmdb-assets rejected --table {submitted.table_name}." if left else text,
            partition=submitted.day.isoformat() if submitted.day else None,
        )
    )


def _days_of(platform: Platform, found: Sequence[Submission]) -> tuple[list[dt.date], list[dt.date]]:
    """The days to load, and those that are not stored whole.

    Of rows without a day, such as those of TMDb's lists, it is the newest loaded one.
    """
    from tmdb_assets import partitions
    from tmdb_assets.warehouse.ledger.exports import loaded_days, rebuildable_days

    days = {each.day for each in found if each.day is not None}
    with platform.warehouse.begin() as connection:
        whole = rebuildable_days(connection, partitions.today())
        if any(each.day is None for each in found):
            days |= {*sorted(loaded_days(connection))[-1:]}
    return sorted(days & whole), sorted(days - whole)


def _load_days(platform: Platform, days: Sequence[dt.date]) -> Iterator[DayRun]:
    """Load days from their stored answers, and with the last one what has no day, such as reports."""
    from tmdb_assets.cli.in_process import run_day

    for day in days:
        job = "daily" if day == days[-1] else "backfill"
        outcome = run_day(platform, day, job=job, assets=_assets_of(platform, day, job))
        yield outcome
        if outcome.interrupted:
            return


def _assets_of(platform: Platform, day: dt.date, job: str) -> list[str]:
    """The assets of a job that are made for a day without a request."""
    from tmdb_assets.cli.in_process import FETCHING_STEPS

    specs = platform.definitions.resolve_all_asset_specs()
    every = [spec.key.to_user_string() for spec in specs if job == "daily" or spec.partitions_def is not None]
    return [name for name in platform.needs(day, job) or every if name not in FETCHING_STEPS]
