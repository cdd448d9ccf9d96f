"""Finds the films similar to each popular film, from what they share (docs/decisions/0038).

A feature weighs its rarity in bits: how often the films must be halved until those that have it are left. Within a
field a film's weights are divided by their length, so that many features do not weigh more than few, and each field has
its share of the score, which is the sum of the products of the two films' weights of what they share: 0 to 1. Weights
are whole numbers, so that no sum depends on the order of its rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa

from tmdb_assets.transforms import similar
from tmdb_assets.transforms.conform import Columns
from tmdb_assets.transforms.similar import Links, most_similar
from tmdb_assets.warehouse.loading.computed import hash_rows, is_computed, note_computed
from tmdb_assets.warehouse.loading.load import count_rows
from tmdb_assets.warehouse.loading.merge import MergeCounts, merge, take_turn
from tmdb_assets.warehouse.loading.staging import create_staging, stage, staging_name
from tmdb_assets.warehouse.schema.derived import SIMILAR, movie_similar
from tmdb_assets.warehouse.schema.vocabulary import frame_columns

FILMS = 10_000
FILMS_A_CHUNK = 100
"""Films that are compared with all others at once."""
CANDIDATES = 100
"""Films of which the whole score is computed: those with the highest part of it from rare features."""
SHARES = {
    "genre": 20,
    "keyword": 20,
    "cast": 20,
    "director": 10,
    "crew": 10,
    "company": 10,
    "language": 5,
    "decade": 5,
}
"""The percentage of each field in a score."""
SCALE = 10_000

# Numbered by their ids: a chunk is a range of numbers.
FILM = """
create temp table similar_film on commit drop as
select row_number() over (order by f.movie_id)::integer as film, f.movie_id
from (
    select l.movie_id
    from movie_latest as l
    inner join dim_movie as m on l.movie_id = m.movie_id
    where l.snapshot_date = (select max(d.date_id) from load_day as d) and m.removed_date is null
    order by l.popularity desc, l.movie_id asc
    limit :films
) as f
"""
# What each film has, once, and how much of it counts, of 60: a smaller role of the cast counts less.
LINK = """
create temp table similar_link on commit drop as
select s.film, h.field, h.code, max(h.part) as part
from similar_film as s
inner join (
    select movie_id, 'genre' as field, genre_id as code, 60 as part from bridge_movie_genre
    union all
    select movie_id, 'keyword', keyword_id, 60 from bridge_movie_keyword
    union all
    select movie_id, 'company', company_id, 60 from bridge_movie_company
    union all
    select movie_id, 'cast', person_id, 60 / (1 + least(coalesce(cast_order, 20), 20) / 5)::integer
    from bridge_movie_cast
    union all
    select movie_id, case when job in ('Director', 'Co-Director') then 'director' else 'crew' end, person_id, 60
    from bridge_movie_crew
    union all
    select movie_id, 'decade', extract(year from release_date)::bigint / 10 * 10, 60
    from dim_movie
    where release_date is not null
    union all
    select m.movie_id, 'language', l.number, 60
    from dim_movie as m
    inner join (select iso_639_1, row_number() over (order by iso_639_1) as number from dim_language) as l
        on m.original_language = l.iso_639_1
) as h on s.movie_id = h.movie_id
group by s.film, h.field, h.code
"""
# Bits are whole: the same for features of eight films and fewer, and seldom changed by a few more films. A feature of
# more than 2% of the films finds no candidates: it only counts in their scores.
FEATURE = """
create temp table similar_feature on commit drop as
select
    row_number() over (order by l.field, l.code)::integer as feature,
    l.field,
    l.code,
    count(*) as film_count,
    count(*) <= greatest(20, 0.02 * n.films) as is_rare,
    greatest(1, 1 + round(ln(n.films) / ln(2)) - round(ln(greatest(count(*), 8)) / ln(2)))::integer as bits,
    greatest(1, round(ln(n.films) / ln(2)) - 2)::integer as most_bits
from similar_link as l
cross join (select count(*)::double precision as films from similar_film) as n
group by l.field, l.code, n.films
"""
# A film's weights of a field have the field's share as length, as if it had one more feature, the rarest possible:
# else a film of which little is known would be as similar as one with which much is shared. What one film has is not
# shared.
WEIGHT = f"""
create temp table similar_weight on commit drop as
select w.film, w.feature, w.weight, w.is_rare, w.film_count
from (
    select
        l.film,
        f.feature,
        f.film_count,
        f.is_rare,
        greatest(1, ({SCALE} * sqrt(s.share) * f.bits * l.part / sqrt(
            (60 * f.most_bits) ^ 2
            + sum(f.bits * l.part * f.bits * l.part) over (partition by l.film, l.field)::double precision
        )))::integer as weight
    from similar_link as l
    inner join similar_feature as f on l.field = f.field and l.code = f.code
    inner join (
        values {", ".join(f"('{field}', {share / 100}::double precision)" for field, share in SHARES.items())}
    ) as s (field, share) on l.field = s.field
) as w
where w.film_count > 1
"""
LABEL = """
create temp table similar_label on commit drop as
select
    f.feature,
    case when f.field = 'decade' then f.code || 's' else f.field || ' ' || coalesce(
        case f.field
            when 'genre' then (select g.name from dim_genre as g where g.genre_id = f.code)
            when 'keyword' then (select k.name from dim_keyword as k where k.keyword_id = f.code)
            when 'company' then (select c.name from dim_company as c where c.company_id = f.code)
            when 'language' then (
                select coalesce(l.name, l.iso_639_1) from dim_language as l
                order by l.iso_639_1 offset f.code - 1 limit 1
            )
            else (select p.name from dim_person as p where p.person_id = f.code)
        end,
        f.code::text
    ) end as label
from similar_feature as f
where f.film_count > 1
"""
# Each step is a table, of which Postgres knows the size when it plans the next one.
READ = (FILM, LINK, "analyze similar_link", FEATURE, "analyze similar_feature", LABEL, "analyze similar_label")
WEIGH = (WEIGHT,)
# Everything that the rows depend on; popularity only decides which films there are.
INPUTS = (
    "(select movie_id from similar_film)",
    "(select f.movie_id, l.field, l.code, l.part from similar_link as l inner join similar_film as f using (film))",
    "(select f.field, f.code, l.label from similar_label as l inner join similar_feature as f using (feature))",
)

FILM_IDS = "select array_agg(movie_id order by film) from similar_film"
LABELS = "select feature, label from similar_label"
LINKS = """
select array_agg(film - 1), array_agg(feature), array_agg(weight), array_agg(film_count), array_agg(is_rare)
from (select * from similar_weight order by film, feature) as w
"""
# Where one of these changes, the table is computed again.
CODE = (*READ, *WEIGH, str(CANDIDATES), str(SIMILAR), Path(similar.__file__).read_text(encoding="utf-8"))
STATEMENTS_HASH = hashlib.md5("".join(CODE).encode(), usedforsecurity=False).hexdigest()
DELETE_OTHERS = f"""
delete from movie_similar as t
where not exists (
    select 1 from {staging_name(movie_similar)} as s where s.movie_id = t.movie_id and s.rank = t.rank
)
"""


def find_similar(connection: sa.Connection) -> MergeCounts:
    """Replace `movie_similar` by the films similar to those of the newest loaded day; rows that stay are not written.

    Nothing is computed where no film, feature or label changed since. Its temporary tables end with the transaction.
    """
    take_turn(connection, movie_similar, None)
    connection.exec_driver_sql("set local work_mem = '128MB'; set local jit = off")
    _execute(connection, READ, films=FILMS)
    inputs_hash = " ".join([STATEMENTS_HASH, *(hash_rows(connection, source) for source in INPUTS)])
    if is_computed(connection, movie_similar, inputs_hash):
        return MergeCounts(unchanged=count_rows(connection, movie_similar, None))
    _execute(connection, WEIGH)
    create_staging(connection, movie_similar)
    for rows in _similar_rows(connection):
        stage(connection, movie_similar, rows)
    deleted = connection.exec_driver_sql(DELETE_OTHERS).rowcount
    counts = replace(merge(connection, movie_similar), deleted=deleted)
    note_computed(connection, movie_similar, inputs_hash)
    return counts


def _similar_rows(connection: sa.Connection) -> Iterator[Columns]:
    """The rows of `movie_similar`, from the weights."""
    import numpy as np

    ids = np.array(connection.scalar(sa.text(FILM_IDS)) or [], dtype=np.int64)
    labels = {row.feature: row.label for row in connection.execute(sa.text(LABELS))}
    film, feature, weight, film_count, is_rare = (
        np.array(part or []) for part in connection.execute(sa.text(LINKS)).one()
    )
    links = Links(
        film.astype(np.int64),
        feature.astype(np.int64),
        weight.astype(np.float64),
        film_count.astype(np.int64),
        is_rare.astype(np.bool_),
    )
    kinds = frame_columns(movie_similar)
    for found in most_similar(links, len(ids), most=SIMILAR, candidates=CANDIDATES, chunk=FILMS_A_CHUNK):
        whole = np.floor_divide(found.score + SCALE // 2, SCALE)  # the score in SCALE parts, rounded half up
        because = [", ".join(labels[one] for one in some if one >= 0) for some in found.reasons.tolist()]
        cells = [ids[found.film], found.rank, ids[found.other], whole / SCALE]
        yield Columns(kinds, [*(cell.tolist() for cell in cells), because])


def _execute(connection: sa.Connection, steps: Iterable[str], **values: object) -> None:
    for step in steps:
        statement = sa.text(step)
        connection.execute(statement, {name: values[name] for name in statement.compile().params})
