"""What a load counts, which shares of rejected rows refuse it, and what of a rejected row was cut."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tmdb_assets.transforms.conform import Reason, Rejected
from tmdb_assets.warehouse.loading.load import CUT, KEPT_CHARACTERS, KEPT_OF_ANSWERS, Loaded, is_cut
from tmdb_assets.warehouse.loading.merge import MergeCounts
from tmdb_assets.warehouse.schema.bridges import bridge_movie_genre
from tmdb_assets.warehouse.schema.dimensions import dim_keyword


def rejected(film: int, *rules: str) -> Rejected:
    return Rejected({"movie_id": film}, tuple(Reason(rule, "x") for rule in rules))


def test_the_figures_of_two_loads_add_up() -> None:
    one, two, three, four = (rejected(film, "a") for film in range(4))
    total = Loaded(dim_keyword, 10, MergeCounts(1, 2, 3, 4), [one], [two])
    total.add(Loaded(dim_keyword, 6, MergeCounts(10, 20, 30, 40), [three], [four]))
    assert total == Loaded(dim_keyword, 16, MergeCounts(11, 22, 33, 44), [one, three], [two, four])
    assert (total.kept, total.rejected_share, Loaded(dim_keyword).rejected_share) == (14, 0.125, 0.0)
    assert total.broken_rules == {"a": 4}


@pytest.mark.parametrize("kind", range(4))
def test_a_merge_has_changes_if_any_row_was_inserted_updated_or_deleted(kind: int) -> None:
    assert MergeCounts(*(int(number == kind) for number in range(4))).has_changes is (kind != 2)


def test_the_most_broken_rules_are_named_with_rows_and_share() -> None:
    rules = [rejected(film, *"abcde"[: 5 - film]) for film in range(5)]
    assert Loaded(dim_keyword, 50, rejected=rules[3:]).most_broken == "a (2 rows, 4.0%); b (1 row, 2.0%)"
    named = "a (4 rows, 8.0%); b (3 rows, 6.0%); c (2 rows, 4.0%)"
    assert Loaded(dim_keyword, 50, rejected=rules[1:]).most_broken == f"{named}; and 1 more"
    assert Loaded(dim_keyword, 50, rejected=rules[2:]).most_broken.endswith("c (1 row, 2.0%)")
    assert Loaded(dim_keyword, 0, rejected=rules[4:]).most_broken == "a (1 row, 100.0%)"


@pytest.mark.parametrize(
    ("table", "films", "received", "standing", "too_many"),
    [
        (bridge_movie_genre, 5, 100, 0, False),  # exactly the share
        (bridge_movie_genre, 6, 100, 0, True),
        (bridge_movie_genre, 20, 100, 300, False),  # few: the table's rows count too
        (bridge_movie_genre, 20, 100, 299, True),
        (bridge_movie_genre, 21, 419, 10_000, True),
        (bridge_movie_genre, 21, 420, 0, False),
        (dim_keyword, 200, 200, 3800, False),
        (dim_keyword, 200, 200, 3799, True),
        (dim_keyword, 201, 201, 10_000, True),
    ],
)
def test_too_many_are_more_than_the_share(
    table: sa.Table, films: int, received: int, standing: int, too_many: bool
) -> None:
    load = Loaded(table, received, rejected=[rejected(film) for film in range(films)])
    assert load.are_too_many(standing) is too_many


def test_the_rejected_rows_of_one_film_count_as_one() -> None:
    rows = [rejected(film) for film in (1, 1, 1, 2)]
    assert not Loaded(bridge_movie_genre, 42, rejected=rows).are_too_many(0)  # 2 of 40
    assert Loaded(bridge_movie_genre, 41, rejected=rows).are_too_many(0)
    assert Loaded(dim_keyword, 42, rejected=rows).are_too_many(0)


@pytest.mark.parametrize("kept", [KEPT_CHARACTERS, KEPT_OF_ANSWERS])
def test_what_was_cut_is_known_by_its_length_and_its_last_character(kept: int) -> None:
    cut = "x" * kept + CUT
    assert is_cut(cut)
    assert is_cut({"deep": [1, {"er": cut}]})
    assert not is_cut({"deep": [1, {"er": cut[1:]}]})
    assert not is_cut("x" * (kept + 1))
    assert not is_cut(["x", 1, None])


def test_a_list_was_cut_if_it_has_one_entry_more_than_are_kept() -> None:
    assert is_cut([0] * (KEPT_OF_ANSWERS + 1))
    assert not is_cut([0] * KEPT_OF_ANSWERS)
    assert not is_cut(5)
