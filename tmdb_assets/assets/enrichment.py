"""The continent of every country, from `data/country_continent.csv`."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import sqlalchemy as sa
from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    Config,
    Failure,
    MetadataValue,
    ResourceParam,
    TableColumn,
    TableRecord,
    TableSchema,
)
from pydantic import Field

from tmdb_assets.assets.declare import table_asset
from tmdb_assets.assets.raw import raw_reference
from tmdb_assets.settings import DATA_DIR
from tmdb_assets.transforms.conform import conform
from tmdb_assets.transforms.continents import CsvFault, parse_continents
from tmdb_assets.warehouse import books
from tmdb_assets.warehouse.columns import frame_columns, key_columns
from tmdb_assets.warehouse.dimensions import country_continent as table
from tmdb_assets.warehouse.merge import merge_whole
from tmdb_assets.warehouse.publish import AssetEvent, publish
from tmdb_assets.warehouse.resource import Warehouse

CSV_FILE = DATA_DIR / "country_continent.csv"

# Codes of TMDb's country list that no standard has: Czechoslovakia, East Germany, Northern Ireland, Kosovo.
TMDB_CODES = {"XC", "XG", "XI", "XK"}

FILE_IS_SOUND = AssetCheckSpec(
    "file_is_sound",
    asset=table.name,
    description="The CSV has its header, every code once, and only codes of ISO 3166-1 or of TMDb. If not: mend the "
    "lines named and materialize again; the table keeps what it had.",
    blocking=True,
)

# Rows are locked in the order in which a load of dim_country takes them.
UPDATE_CONTINENTS = """
with locked as (
    select iso_3166_1 from dim_country order by iso_3166_1 for no key update
)
update dim_country as d
set continent = c.continent, updated_at = now()
from locked
left join country_continent as c on c.iso_3166_1 = locked.iso_3166_1
where locked.iso_3166_1 = d.iso_3166_1 and d.continent is distinct from c.continent
"""


class CsvConfig(Config):
    """Which file to read."""

    path: str = Field(str(CSV_FILE), description="The CSV file with the continents.")


@table_asset(table, daily=False, checks=(FILE_IS_SOUND,), deps=[raw_reference])
def country_continent(config: CsvConfig, warehouse: ResourceParam[Warehouse]) -> Iterator[AssetEvent]:
    """Load the CSV and bring `dim_country.continent` in line with it at once."""
    with warehouse.begin() as connection:
        known = known_codes() | set(books.read_reference(connection, "country"))
    rows, faults = parse_continents(Path(config.path).read_text(encoding="utf-8"), known)
    yield _file_is_sound(faults)
    if faults:
        first = faults[0]
        raise Failure(
            description=f"{Path(config.path).name}, line {first.line}, code {first.code or '-'}: {first.fault} "
            f"({len(faults)} faults in all). The table keeps what it had; mend the file and materialize again.",
            allow_retries=False,
        )
    frame = conform(rows, frame_columns(table), key=tuple(key_columns(table)))
    yield from publish(warehouse, table, [frame], merge=partial(merge_whole, table=table), afterwards=_settle)


def known_codes() -> set[str]:
    """The codes of ISO 3166-1 (in use) and ISO 3166-3 (former), and those that TMDb made for itself."""
    import pycountry

    in_use = {country.alpha_2 for country in pycountry.countries}
    former = {country.alpha_2 for country in pycountry.historic_countries}
    return in_use | former | TMDB_CODES


def _settle(connection: sa.Connection) -> None:
    """Let dim_country follow the table."""
    connection.execute(sa.text(UPDATE_CONTINENTS))


def _file_is_sound(faults: list[CsvFault]) -> AssetCheckResult:
    columns = [TableColumn("line", "int"), TableColumn("code", "string"), TableColumn("fault", "string")]
    records = [TableRecord({"line": fault.line, "code": fault.code, "fault": fault.fault}) for fault in faults[:50]]
    return AssetCheckResult(
        passed=not faults,
        check_name=FILE_IS_SOUND.name,
        asset_key=AssetKey(table.name),
        severity=AssetCheckSeverity.ERROR,
        description=f"{len(faults)} faults in the file." if faults else "The file is sound.",
        metadata={"faults": MetadataValue.table(records, schema=TableSchema(columns=columns))},
    )
