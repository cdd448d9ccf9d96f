"""The continent of every country, from `data/country_continent.csv`."""

from collections.abc import Collection, Iterator
from pathlib import Path

import sqlalchemy as sa
from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    Config,
    MetadataValue,
    ResourceParam,
    TableColumn,
    TableRecord,
    TableSchema,
)
from pydantic import Field

from tmdb_assets.assets.declare import table_asset
from tmdb_assets.assets.failures import failure
from tmdb_assets.assets.publish import AssetEvent, check_result, publish
from tmdb_assets.errors.problem import Problem
from tmdb_assets.settings import SHIPPED_DATA_DIR
from tmdb_assets.transforms.conform import Conformed, conform
from tmdb_assets.transforms.continents import CODE, CsvFault, find_missing, parse_continents
from tmdb_assets.warehouse.ledger import fetch_log
from tmdb_assets.warehouse.loading.contracts import validate
from tmdb_assets.warehouse.loading.latest_state import renew_totals
from tmdb_assets.warehouse.loading.merge import MergeCounts, merge_whole
from tmdb_assets.warehouse.schema.dimensions import country_continent as table
from tmdb_assets.warehouse.schema.dimensions import dim_country
from tmdb_assets.warehouse.schema.vocabulary import frame_columns, key_columns
from tmdb_assets.warehouse.warehouse import Warehouse

CSV_FILE = SHIPPED_DATA_DIR / "country_continent.csv"

# Codes of TMDb's country list that are in no standard: Czechoslovakia, East Germany, Northern Ireland, Kosovo.
TMDB_CODES = {"XC", "XG", "XI", "XK"}

FILE_IS_VALID = AssetCheckSpec(
    "file_is_valid",
    asset=table.name,
    description="The CSV has its header, every code once, only codes of ISO 3166-1 or of TMDb, and for each a name and "
    "one of the seven continents. If not: correct the lines listed and materialize again; until then the table stays "
    "unchanged. A code of TMDb's country list or of dim_country without a line is a warning: the rest is loaded.",
    blocking=True,
)

CONTINENTS: tuple[str, ...] = next(rule.argument for rule in table.c.continent.info["rules"] if rule.name == "one_of")

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


@table_asset(table, daily=False, checks=(FILE_IS_VALID,), deps=["raw_reference"])
def country_continent(config: CsvConfig, warehouse: ResourceParam[Warehouse]) -> Iterator[AssetEvent]:
    """Load the CSV and update `dim_country.continent` in the same transaction. Raises `Failure` for a faulty file."""
    path = Path(config.path)
    with warehouse.begin() as connection:
        named = {
            *fetch_log.read_reference(connection, "country"),
            *connection.scalars(sa.select(dim_country.c.iso_3166_1)),
        }
    codes = {code for code in named if CODE.fullmatch(code)}
    loaded, faults = read_continents(path, codes)
    missing = [] if faults else find_missing(loaded.values("iso_3166_1"), codes)
    yield _file_is_valid(faults, missing)
    if faults:
        raise failure(_refusal(path, faults))
    rows = 0

    def chunks() -> Iterator[Conformed]:
        """The file, read again in this load's turn: another load may have stored a newer one since."""
        nonlocal rows
        again, changed = read_continents(path, codes)
        if changed:
            raise failure(_refusal(path, changed))
        rows = again.received
        yield again

    def merge(connection: sa.Connection) -> MergeCounts:
        return merge_whole(connection, table, rows=rows)

    yield from publish(warehouse, table, chunks(), merge=merge, afterwards=settle_continents)


def read_continents(path: Path, tmdb_codes: Collection[str]) -> tuple[Conformed, list[CsvFault]]:
    """The file as a frame, and its faults; `tmdb_codes` are valid in addition to the codes of the standards."""
    text, faults = _read_text(path)
    rows, found = ([], []) if faults else parse_continents(text, known_codes() | set(tmdb_codes), CONTINENTS)
    faults += found
    conformed = conform(rows, frame_columns(table), key=tuple(key_columns(table)))
    line_of = {row["iso_3166_1"]: row["line"] for row in rows}
    for item in validate(table, conformed).rejected:
        code = item.row["iso_3166_1"]
        for reason in item.reasons:
            faults.append(CsvFault(line_of[code], code, f"breaks the rule {reason.rule}: {reason.value!r}"))
    return conformed, faults


def _read_text(path: Path) -> tuple[str, list[CsvFault]]:
    """The text of the file, or why there is none."""
    try:
        return path.read_text(encoding="utf-8"), []
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        return "", [CsvFault(line, "", f"the file is not UTF-8 ({error.reason}); save it as UTF-8")]
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL character
        return "", [CsvFault(1, "", f"{path} cannot be read: {getattr(error, 'strerror', None) or error}")]


def known_codes() -> set[str]:
    """The codes of ISO 3166-1 (in use) and ISO 3166-3 (former), and TMDb's own."""
    import pycountry

    in_use = {country.alpha_2 for country in pycountry.countries}
    former = {country.alpha_2 for country in pycountry.historic_countries}
    return in_use | former | TMDB_CODES


def settle_continents(connection: sa.Connection) -> None:
    """Copy the continents to dim_country, and renew the totals if one changed."""
    if connection.execute(sa.text(UPDATE_CONTINENTS)).rowcount:
        renew_totals(connection)


def _refusal(path: Path, faults: list[CsvFault]) -> Problem:
    first = faults[0]
    line = f"line {first.line}, " if first.line else ""
    return Problem(
        f"{path.name}, {line}code {first.code or '-'}: {first.fault} ({_count(faults)} in all)",
        kept="The table is unchanged",
        action="Correct the file",
    )


def _validity(faults: list[CsvFault], missing: list[CsvFault]) -> str:
    if faults:
        return f"{_count(faults)} in the file."
    if missing:
        codes = ", ".join(fault.code for fault in missing[:20])
        return f"The file is loaded, but these codes have no line and so no continent: {codes}. Add a line for each."
    return "The file is valid."


def _count(faults: list[CsvFault]) -> str:
    return f"{len(faults)} fault{'s' if len(faults) > 1 else ''}"


def _file_is_valid(faults: list[CsvFault], missing: list[CsvFault]) -> AssetCheckResult:
    """Fails for faults; warns of a code without a line, such as one that TMDb added today: the rest is loaded."""
    columns = [TableColumn("line", "int"), TableColumn("code", "string"), TableColumn("fault", "string")]
    records = [
        TableRecord({"line": fault.line, "code": fault.code, "fault": fault.fault})
        for fault in [*faults, *missing][:50]
    ]
    return check_result(
        FILE_IS_VALID,
        not faults and not missing,
        _validity(faults, missing),
        AssetCheckSeverity.ERROR if faults else AssetCheckSeverity.WARN,
        faults=MetadataValue.table(records, schema=TableSchema(columns=columns)),
    )
