"""The record of a day's quality: what its checks said, and the figures that they judged.

It is kept here and not only in Dagster's storage, so that readers, reports and backups have it. Both tables are a
record of what a run saw, such as `fetch_log`, and no function of the answers: the day's last run decides (decision 40).
"""

from __future__ import annotations

import sqlalchemy as sa

from tmdb_assets.warehouse.schema.vocabulary import column, table

quality_measure = table(
    "quality_measure",
    "One row per day, measure and subject: a figure about the quality of the day's data, as the day's last run found "
    "it.",
    column("date_id", "date", "The day (UTC).", key=True, references="dim_date.date_id"),
    column("measure", "text", "What is measured: null_share, popularity, key_share, ...", key=True, max_length=50),
    column("subject", "text", "Of what: a column, a table, a source, a key of TMDb's answers.", key=True),
    column("figure", "number", "The figure; a share is 0 to 1."),
    sa.Index("ix_quality_measure_measure", "measure", "date_id"),
    group="quality",
    for_readers=True,
)

check_result = table(
    "check_result",
    "One row per day, asset and check: what the check said when it last ran for that day.",
    column("date_id", "date", "The day of the run (UTC).", key=True),
    column("asset_name", "text", "The asset: a table, view or report.", key=True),
    column(
        "check_name",
        "text",
        "The check; run says whether the asset's step itself ended well.",
        key=True,
    ),
    column("is_passed", "boolean", "Whether it passed."),
    column("severity", "text", "What a failure means.", one_of=("error", "warn")),
    column("description", "text", "What it found, and what to do.", nullable=True),
    column("checked_at", "timestamp", "When it ran (UTC).", by_database="now()"),
    group="quality",
    for_readers=True,
)
