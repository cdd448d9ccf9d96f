"""`data/country_continent.csv` to rows of `country_continent`, with every fault named by its line and code."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection
from dataclasses import dataclass

from tmdb_assets.transforms.conform import Row

HEADER = ["iso_3166_1", "name", "continent", "note"]


@dataclass(frozen=True)
class CsvFault:
    """A fault in the file: the line it stands on (from 1, the header), the code concerned and what is wrong."""

    line: int
    code: str
    fault: str


def parse_continents(text: str, known_codes: Collection[str]) -> tuple[list[Row], list[CsvFault]]:
    """Rows and faults of the file; `known_codes` are those of ISO 3166-1 and of TMDb's country list."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
    header = next(reader, [])
    if header != HEADER:
        return [], [CsvFault(1, "", f"the header is {','.join(header)!r}, it must be {','.join(HEADER)!r}")]
    rows: list[Row] = []
    faults: list[CsvFault] = []
    first_line: dict[str, int] = {}
    for cells in reader:
        line = reader.line_num
        if len(cells) != len(HEADER):
            faults.append(CsvFault(line, cells[0] if cells else "", f"{len(cells)} columns, it must be {len(HEADER)}"))
            continue
        code, name, continent, note = (cell.strip() for cell in cells)
        if code in first_line:
            faults.append(CsvFault(line, code, f"stands already on line {first_line[code]}"))
            continue
        first_line[code] = line
        if code not in known_codes:
            faults.append(CsvFault(line, code, "neither ISO 3166-1 nor TMDb's country list has this code"))
        rows.append(
            {
                "iso_3166_1": code,
                "name": name or None,
                "continent": continent or None,
                "note": note or None,
                "line": line,
            }
        )
    return rows, faults
