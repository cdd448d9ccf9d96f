"""What is read from a backup: its tables, counts and rows, and nothing that it might want to have executed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tmdb_assets.warehouse.backup.archive import Archive, parse_listing, read_archive, read_rows, require_warehouse
from tmdb_assets.warehouse.backup.dump import COUNTS_MARK
from tmdb_assets.warehouse.backup.programs import RefusedError

LISTING = """;
; Archive created at 2026-07-29 09:00:00 UTC
;     dbname: tmdb
;     TOC Entries: 6
;     Compression: gzip
;     Dumped from database version: 18.1
;
;
; Selected TOC Entries:
;
219; 1259 16391 TABLE public dim_movie owner
230; 1259 16400 TABLE public fact_movie_daily owner
240; 1259 16420 VIEW public vw_movie_latest owner
301; 1255 16500 FUNCTION public ensure_partition(text, text, date) owner
4001; 0 16391 TABLE DATA public dim_movie owner
4002; 0 16392 TABLE DATA public load_day owner
4003; 0 16393 TABLE DATA public my films owner
4004; 0 16394 TABLE DATA other dim_genre owner
4005; 0 0 COMMENT public TABLE dim_company owner
"""
STREAM = r"""SET statement_timeout = 0;
CREATE ROLE evil SUPERUSER;
COPY public.dim_genre (genre_id, "name") FROM stdin;
1	Drama
2	DROP TABLE dim_movie;
\.

COPY public.dim_genre (genre_id) FROM PROGRAM 'touch /tmp/evil';
COPY public.dim_genre (genre_id) FROM stdin; SELECT 1;
COPY other.dim_movie (movie_id) FROM stdin;
COPY public.dim_movie (evil()) FROM stdin;
COPY public.mine (id) FROM stdin;
7
\.
SELECT pg_catalog.setval('s', 1);
COPY public.dim_language (iso_639_1) FROM stdin;
fr
\.
"""


def archive(tmp_path: Path, *, stream: str = "", listing: str = LISTING, end: str = "exit 0") -> Archive:
    """A backup that pg_restore, here a script, shows as told."""
    (tmp_path / "stream").write_text(stream)
    program = tmp_path / "pg_restore"
    program.write_text(f"#!/bin/sh\ncat {tmp_path / 'stream'}\necho 'pg_restore: error: cut short' >&2\n{end}\n")
    program.chmod(0o755)
    return parse_listing(listing, file=tmp_path / "x.dump", program=program, counts={})


def test_the_contents_of_a_dump(tmp_path: Path) -> None:
    contents = archive(tmp_path)
    assert contents.database == "tmdb"
    assert contents.tables == {"dim_movie", "load_day", "my films"}
    require_warehouse(contents, "tmdb")


def test_only_rows_of_the_requested_tables_are_read_whatever_the_file_holds(tmp_path: Path) -> None:
    read = read_rows(archive(tmp_path, stream=STREAM), {"dim_genre", "dim_movie", "dim_language"})
    assert [(name, columns, list(rows)) for name, columns, rows in read] == [
        ("dim_genre", ["genre_id", "name"], [b"1\tDrama\n", b"2\tDROP TABLE dim_movie;\n"]),
        ("dim_language", ["iso_639_1"], [b"fr\n"]),
    ]


def test_a_pg_restore_that_fails_is_reported_after_its_rows(tmp_path: Path) -> None:
    rows = read_rows(archive(tmp_path, stream=STREAM.partition("2\t")[0], end="exit 1"), {"dim_genre"})
    assert list(next(rows)[2]) == [b"1\tDrama\n"]
    with pytest.raises(RefusedError, match=r"x\.dump cannot be restored: pg_restore reports: cut short\. Nothing was"):
        next(rows)


def test_reading_may_stop_early(tmp_path: Path) -> None:
    rows = read_rows(archive(tmp_path, stream=STREAM + "x\n" * 1_000_000), {"dim_genre"})
    next(rows)
    rows.close()


@pytest.mark.parametrize(
    ("end", "counts"),
    [(b'{"dim_movie":20}\n', {"dim_movie": 20}), (b"[1]\n", {}), (b"{", {}), (None, {})],
    ids=["counts", "list", "damaged", "without"],
)
def test_the_counts_are_read_from_the_end(tmp_path: Path, end: bytes | None, counts: dict[str, int]) -> None:
    program = archive(tmp_path, stream=LISTING).program
    (tmp_path / "x.dump").write_bytes(b"PGDMP and so on" + (COUNTS_MARK + end if end is not None else b""))
    assert read_archive(program, tmp_path / "x.dump").counts == counts


def test_a_dump_without_our_rows_is_refused(tmp_path: Path) -> None:
    contents = archive(tmp_path, listing=LISTING.replace("TABLE DATA public load_day", "TABLE public load_day"))
    with pytest.raises(RefusedError, match="is no backup of a warehouse: it has no rows of load_day"):
        require_warehouse(contents, "tmdb")


@pytest.mark.parametrize(
    ("of", "into", "said"),
    [
        ("tmdb_sandbox", "tmdb", "holds sample figures .* tmdb is for real ones"),
        ("tmdb", "tmdb_sandbox", "holds real figures .* tmdb_sandbox is for sample ones"),
    ],
)
def test_sample_figures_and_real_ones_stay_apart(tmp_path: Path, of: str, into: str, said: str) -> None:
    contents = archive(tmp_path, listing=LISTING.replace("dbname: tmdb", f"dbname: {of}"))
    require_warehouse(contents, of)
    with pytest.raises(RefusedError, match=said):
        require_warehouse(contents, into)
