"""`data/country_continent.csv` to rows of `country_continent`, each fault named by line and code.

The file replaces the whole table, so a wrong line is never silently skipped: it is a fault of the file.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from tmdb_assets.transforms.conform import Row

HEADER = ["iso_3166_1", "name", "continent", "note"]
CODE = re.compile("[A-Z]{2}")


@dataclass(frozen=True)
class CsvFault:
    """A fault in the file: its line (the header is 1), the code concerned and what is wrong.

    `line` is None when the fault is that a code has no line.
    """

    line: int | None
    code: str
    fault: str


def parse_continents(
    text: str, known_codes: Collection[str], continents: Collection[str]
) -> tuple[list[Row], list[CsvFault]]:
    """Return the rows of the lines without a fault, and the faults.

    `known_codes` are the codes of ISO 3166-1 and TMDb, `continents` the allowed names of continents.
    """
    # Trailing blank lines do not count; `strict` makes an unclosed quote an error instead of one long note.
    lines = io.StringIO(text.removeprefix("\ufeff").rstrip(), newline=None)
    reader = csv.reader(lines, strict=True)
    rows: list[Row] = []
    faults: list[CsvFault] = []
    first_line: dict[str, int] = {}
    lines_read = 0
    try:
        header = next(reader, [])
        if header != HEADER:
            return [], [CsvFault(1, "", f"the header is {','.join(header)!r}, it must be {','.join(HEADER)!r}")]
        lines_read = reader.line_num
        for cells in reader:
            row, found = _judge(cells, reader.line_num, first_line, known_codes, continents)
            faults += found
            lines_read = reader.line_num
            if not found:
                rows.append(row)
    except csv.Error as error:
        faults.append(CsvFault(lines_read + 1, "", f"not valid CSV: {error}"))
    if not rows and not faults:
        faults.append(CsvFault(1, "", "there is no line after the header"))
    return rows, faults


def find_missing(lines: Iterable[str], codes: Iterable[str]) -> list[CsvFault]:
    """Return a fault for each code that has no line."""
    missing = sorted(set(codes) - set(lines))
    return [CsvFault(None, code, "has no line, but TMDb's country list or a film has this code") for code in missing]


def _judge(
    cells: list[str], line: int, first_line: dict[str, int], known_codes: Collection[str], continents: Collection[str]
) -> tuple[Row, list[CsvFault]]:
    """A line as a row, and what is wrong with it; records the line of its code in `first_line`."""
    if len(cells) != len(HEADER):
        return {}, [CsvFault(line, cells[0] if cells else "", f"{len(cells)} columns, it must be {len(HEADER)}")]
    code, name, continent, note = (cell.strip() for cell in cells)
    if code in first_line:
        return {}, [CsvFault(line, code, f"is already on line {first_line[code]}")]
    first_line[code] = line
    faults = []
    if not CODE.fullmatch(code):
        faults.append("the code must be two capital letters")
    elif code not in known_codes:
        faults.append("not a code of ISO 3166-1 or TMDb's country list, and no film uses it")
    if not name:
        faults.append("the name is missing")
    if continent not in continents:
        faults.append(f"the continent is {continent!r}, it must be one of {', '.join(continents)}")
    row = {"iso_3166_1": code, "name": name, "continent": continent, "note": note or None, "line": line}
    return row, [CsvFault(line, code, fault) for fault in faults]
