"""What a load reports to Dagster: its figures, and the contract check that passes, warns or fails."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from dagster import AssetCheckResult, AssetCheckSeverity, AssetKey

from tmdb_assets.assets.publish import contract_check, materialized, refusal_check, violations_table
from tmdb_assets.charts.labels import CONTRACT
from tmdb_assets.transforms.conform import Reason, Rejected
from tmdb_assets.warehouse.loading.contracts import StructuralFaultError
from tmdb_assets.warehouse.loading.load import Loaded, TooManyRejectedError
from tmdb_assets.warehouse.loading.merge import MergeCounts
from tmdb_assets.warehouse.schema import dimensions, fact

DAY = dt.date(2026, 7, 29)
TOO_LOW = "popularity at least 0"
NO_SOURCE = "source one of ('discover', 'export')"


def refused(number: int, *reasons: Reason) -> Rejected:
    return Rejected({"date_id": DAY, "movie_id": number}, reasons)


def loaded(received: int, rejected: list[Rejected], counts: MergeCounts | None = None) -> Loaded:
    return Loaded(fact.fact_movie_daily, received, counts or MergeCounts(), rejected)


def broken_rules(check: AssetCheckResult) -> list[dict[str, Any]]:
    return [record.data for record in check.metadata["broken_rules"].records]


def plain(metadata: Any) -> dict[str, Any]:
    return {name: getattr(value, "value", value) for name, value in metadata.items()}


def test_a_load_without_a_fault_passes() -> None:
    check = contract_check(loaded(100, []))
    assert (check.passed, check.check_name, check.asset_key) == (True, "contract", AssetKey("fact_movie_daily"))
    assert check.description == "All 100 rows keep the contract of fact_movie_daily."
    assert (plain(check.metadata)["rows_received"], plain(check.metadata)["rows_rejected"]) == (100, 0)
    assert plain(check.metadata)["rejected_share"] == 0
    assert broken_rules(check) == []
    assert plain(contract_check(loaded(0, [])).metadata)["rejected_share"] == 0


def test_broken_rows_fail_the_check_as_a_warning_with_a_table_of_rules() -> None:
    rejected = [refused(n, Reason(TOO_LOW, f"-{n}.5")) for n in range(1, 6)]
    rejected[0] = refused(1, Reason(TOO_LOW, "-1.5"), Reason(NO_SOURCE, "hearsay"))
    check = contract_check(loaded(200, rejected))
    assert not check.passed
    assert check.severity is AssetCheckSeverity.WARN  # the good rows are loaded, so what follows may run
    assert broken_rules(check) == [
        {"rule": TOO_LOW, "rows": 5, "share": "2.50%", "examples": "-1.5, -2.5, -3.5"},
        {"rule": NO_SOURCE, "rows": 1, "share": "0.50%", "examples": "hearsay"},
    ]
    columns = check.metadata["broken_rules"].schema.columns
    assert [column.name for column in columns if column.description] == ["rule", "rows", "share", "examples"]
    assert plain(check.metadata)["rows_rejected"] == 5
    assert plain(check.metadata)["rejected_share"] == pytest.approx(0.025)


def test_an_example_is_quoted_once() -> None:
    rejected = [refused(n, Reason(NO_SOURCE, value)) for n, value in enumerate(["a", "a", "b", "a", "c", "d"])]
    assert broken_rules(contract_check(loaded(600, rejected))) == [
        {"rule": NO_SOURCE, "rows": 6, "share": "1.00%", "examples": "a, b, c"}
    ]


def test_a_refused_load_fails_as_an_error_and_says_what_to_do() -> None:
    error = TooManyRejectedError(loaded(100, [refused(n, Reason(TOO_LOW, "-1")) for n in range(6)]))
    check = refusal_check("fact_movie_daily", error)
    assert (check.check_name, check.passed, check.severity) == (CONTRACT, False, AssetCheckSeverity.ERROR)
    assert check.description.startswith(
        "6 of 100 rows (6.0%) broke the contract of fact_movie_daily, over the 5% allowed: "
        f"{TOO_LOW} (6 rows, 6.0%). Nothing was written"
    )
    assert "what is already stored is kept" in check.description
    assert "change the table's declaration; otherwise run the day again." in check.description
    assert broken_rules(check) == [{"rule": TOO_LOW, "rows": 6, "share": "6.00%", "examples": "-1"}]


def test_rows_of_another_table_of_the_transaction_fail_the_assets_own_check() -> None:
    error = TooManyRejectedError(loaded(100, [refused(n, Reason(TOO_LOW, "-1")) for n in range(6)]))
    check = refusal_check("forecast_movie_daily", error)
    assert (check.asset_key, check.check_name, check.passed) == (AssetKey("forecast_movie_daily"), CONTRACT, False)
    assert check.description.startswith("6 of 100 rows of fact_movie_daily (6.0%) broke their contract")


def test_a_load_is_materialized_with_its_figures_and_its_check() -> None:
    rejected = [refused(1, Reason(TOO_LOW, "-1"))]
    result = materialized(loaded(20, rejected, MergeCounts(10, 5, 4, 2)), 823, {"films_removed": 3})
    assert result.asset_key == AssetKey("fact_movie_daily")
    assert result.metadata == {
        "dagster/partition_row_count": 823,
        "rows_received": 20,
        "rows_inserted": 10,
        "rows_updated": 5,
        "rows_unchanged": 4,
        "rows_deleted": 2,
        "rows_rejected": 1,
        "films_removed": 3,
    }
    (check,) = result.check_results
    assert (check.check_name, check.passed, check.severity) == (CONTRACT, False, AssetCheckSeverity.WARN)


def test_a_table_without_a_day_in_its_key_reports_the_rows_of_the_whole_table() -> None:
    load = Loaded(dimensions.dim_genre, 10, MergeCounts(1, 2, 3, 4), [])
    counts = {name: value for name, value in materialized(load, 19).metadata.items() if "row_count" in name}
    assert counts == {"dagster/row_count": 19}


def test_a_frame_of_the_wrong_shape_fails_as_an_error() -> None:
    check = refusal_check("dim_genre", StructuralFaultError("Required column name not in dataframe"))
    assert (check.check_name, check.passed, check.severity) == (CONTRACT, False, AssetCheckSeverity.ERROR)
    assert check.asset_key == AssetKey("dim_genre")
    assert check.description.startswith("Required column name not in dataframe. Nothing was written")


def test_cells_that_are_stored_as_null_warn_and_count_as_kept() -> None:
    reason = Reason("gender is of kind text; stored as NULL", "9")
    load = Loaded(dimensions.dim_person, 4, MergeCounts(inserted=4), emptied=[refused(1, reason), refused(2, reason)])
    made = materialized(load, 4)
    assert (made.metadata["rows_rejected"], made.metadata["cells_stored_as_null"]) == (0, 2)
    (check,) = made.check_results
    assert (check.passed, check.severity, broken_rules(check)[0]["rows"]) == (False, AssetCheckSeverity.WARN, 2)
    assert str(check.description).startswith(
        "All 4 rows are loaded; 2 cells broke the contract of dim_person and are NULL"
    )


def test_batches_are_counted_together() -> None:
    first = Loaded(dimensions.dim_genre, 10, MergeCounts(1, 2, 3, 4), [refused(1)])
    first.add(Loaded(dimensions.dim_genre, 20, MergeCounts(10, 20, 30, 40), [refused(2)]))
    assert first.counts == MergeCounts(11, 22, 33, 44)
    assert (first.received, len(first.rejected)) == (30, 2)
    assert first.rejected_share == pytest.approx(2 / 30)


def test_what_a_check_found_is_shown_up_to_fifty_rows() -> None:
    table = violations_table("code", {f"C{number}": None for number in range(60)})
    assert [record.data for record in table.records] == [{"code": f"C{number}"} for number in range(50)]
    assert [column.name for column in table.schema.columns] == ["code"]
