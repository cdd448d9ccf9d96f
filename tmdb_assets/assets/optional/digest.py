"""The week in ten lines and one picture as an asset, for deployments that set DIGEST: sent to a webhook."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa
from dagster import MaterializeResult, MetadataValue, ResourceParam
from pydantic import SecretStr

from tmdb_assets.assets.dashboard import replace_file
from tmdb_assets.assets.declare import DIGEST_GROUP, AssetBuilder, declared_asset
from tmdb_assets.assets.tmdb_source import TmdbSource
from tmdb_assets.charts.registry import DIGEST, PICTURES
from tmdb_assets.errors.problem import ActionableError, unmarked
from tmdb_assets.language import use
from tmdb_assets.settings import ATTRIBUTION
from tmdb_assets.warehouse.read_pictures import read_newest_day, read_picture
from tmdb_assets.warehouse.reading import no_data_yet
from tmdb_assets.warehouse.warehouse import Warehouse


class NoReceiverError(ActionableError):
    """The digest is to be sent, and no setting says where to."""

    action = "Set DIGEST_WEBHOOK_URL or ALERT_WEBHOOK_URL to the address of an incoming webhook, or DIGEST=off"


def make_digest(connection: sa.Connection, *, is_sample: bool) -> tuple[list[str], bytes]:
    """The lines and the picture of the newest loaded day, in the chosen language.

    Raises `NothingToReadError` before the first.
    """
    from tmdb_assets.charts.digest import PICTURE, READS, digest_lines
    from tmdb_assets.charts.render import to_png

    day = read_newest_day(connection)
    if day is None:
        raise no_data_yet()
    frames = {name: read_picture(connection, name, PICTURES[name].parameters) for name in READS}
    lines = digest_lines(frames, snapshot_date=day, is_sample=is_sample)
    return lines, to_png(PICTURES[PICTURE].draw(frames[PICTURE], snapshot_date=day, is_sample=is_sample))


def build_digest(post: Callable[[SecretStr, str, str | None], None]) -> AssetBuilder:
    """The asset; `post` sends a text, and the address of a picture if there is one, to a webhook."""

    @declared_asset(
        "digest",
        group_name=DIGEST_GROUP,
        kinds={"python"},
        deps=sorted({name for picture in DIGEST for name in PICTURES[picture].reads}),
        description="The week in ten lines, sent to DIGEST_WEBHOOK_URL (unset: ALERT_WEBHOOK_URL) by the schedule of "
        "the job send_digest, and the movers of the week as a picture in REPORTS_DIR. Each materialization sends it. "
        f"`tmdb-assets digest` prints the same. {ATTRIBUTION}",
    )
    def digest(
        warehouse: ResourceParam[Warehouse], tmdb: ResourceParam[TmdbSource]
    ) -> Iterator[MaterializeResult[Any]]:
        """Write the picture, then send the lines.

        Raises `NoReceiverError` without an address, `NothingToReadError` before the first day, and `ReceiverError` when
        the receiver does not accept it.
        """
        settings = tmdb.settings
        receiver = settings.digest_webhook_url or settings.alert_webhook_url
        if receiver is None:
            raise NoReceiverError("DIGEST is on, but no address to send it to is set", setting="DIGEST_WEBHOOK_URL")
        with warehouse.begin() as connection, use(settings.report_language):
            lines, png = make_digest(connection, is_sample=tmdb.is_sandbox)
        path = settings.reports_folder / f"digest_{warehouse.url.database}.png"
        replace_file(path, png)
        served = settings.reports_url
        picture = f"{served.rstrip('/')}/{path.name}" if served else None
        shown = [unmarked(line) for line in lines]
        post(receiver, "\n".join([*shown, picture] if picture else shown), picture)
        yield MaterializeResult(
            metadata={
                "lines": MetadataValue.md("\n".join(f"- {line}" for line in shown)),
                "picture": MetadataValue.url(picture) if picture else MetadataValue.path(path),
                **tmdb.provenance,
            }
        )

    return digest
