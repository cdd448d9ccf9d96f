"""The names of the databases beside the warehouse's."""

from __future__ import annotations

from tmdb_assets.warehouse.backup.successor import stem_of


def test_two_warehouses_whose_names_begin_alike_do_not_share_the_names_of_their_other_databases() -> None:
    assert stem_of("tmdb") == "tmdb"
    assert stem_of("é" * 20) == "é" * 20
    names = {"é" * 20, "é" * 20 + "a", "é" * 20 + "b", "é" * 31}
    stems = {stem_of(name) for name in names}
    assert len(stems) == len(names)
    assert all(len(f"{stem}_restoring_00000000".encode()) <= 63 for stem in stems)
