"""What is read from a backup: its tables, counts and rows, and nothing that it might want executed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tmdb_assets.warehouse.backup.archive import Archive, read_archive, read_rows, require_warehouse
from tmdb_assets.warehouse.backup.dump import COUNTS_MARK
from tmdb_assets.warehouse.backup.programs import RefusedError

LISTING = """;
; Archive created at 2026-07-29 09:00:00 UTC
;     dbname: tmdb
;     Dumped from database version: 18.1
;
219; 1259 16391 TABLE public dim_movie owner
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


def archive(tmp_path: Path, *, stream: str = "", listing: str = LISTING, end: bytes = b"") -> Archive:
    """A backup as a script in place of pg_restore prints it; printing an unfinished stream ends with an error."""
    (tmp_path / "list").write_text(listing)
    (tmp_path / "stream").write_text(stream)
    (tmp_path / "x.dump").write_bytes(b"PGDMP and so on" + end)
    program = tmp_path / "pg_restore"
    program.write_text(
        f"""#!/bin/sh
case "$*" in *--list*) exec cat {tmp_path}/list;; esac
cat {tmp_path}/stream
echo 'pg_restore: error: cut short' >&2
tail -n 1 {tmp_path}/stream | grep -q '[.]$'
"""
    )
    program.chmod(0o755)
    return read_archive(str(program), tmp_path / "x.dump")


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
    rows = read_rows(archive(tmp_path, stream=STREAM.partition("2\t")[0]), {"dim_genre"})
    assert list(next(rows)[2]) == [b"1\tDrama\n"]
    with pytest.raises(RefusedError, match=r"x\.dump cannot be restored: pg_restore reports: cut short\. Nothing was"):
        next(rows)


@pytest.mark.parametrize(
    ("end", "counts"),
    [(b'{"dim_movie":20}\n', {"dim_movie": 20}), (b"[1]\n", {}), (b"{", {})],
    ids=["counts", "list", "damaged"],
)
def test_the_counts_are_read_from_the_end(tmp_path: Path, end: bytes, counts: dict[str, int]) -> None:
    assert archive(tmp_path, end=COUNTS_MARK + end).counts == counts


@pytest.mark.parametrize(
    ("of", "into", "said"),
    [
        ("tmdb_sandbox", "tmdb", "holds sample figures .* tmdb is for real ones"),
        ("tmdb", "tmdb_sandbox", "holds real figures .* tmdb_sandbox is for sample ones"),
    ],
)
def test_sample_figures_and_real_ones_are_kept_separate(tmp_path: Path, of: str, into: str, said: str) -> None:
    contents = archive(tmp_path, listing=LISTING.replace("dbname: tmdb", f"dbname: {of}"))
    require_warehouse(contents, of)
    with pytest.raises(RefusedError, match=said):
        require_warehouse(contents, into)
