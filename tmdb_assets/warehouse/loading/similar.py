"""Finds the films similar to each popular film, from what they share (docs/decisions/0038).

A feature weighs its rarity in bits: how often the films must be halved until those that have it are left. Within a
field a film's weights are divided by their length, so that many features do not weigh more than few, and each field has
its share of the score, which is the sum of the products of the two films' weights of what they share: 0 to 1. Weights
are whole numbers, so that no sum depends on the order of its rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace

import sqlalchemy as sa

from tmdb_assets.warehouse.loading.computed import hash_rows, is_computed, note_computed
from tmdb_assets.warehouse.loading.load import count_rows
from tmdb_assets.warehouse.loading.merge import MergeCounts, merge, take_turn
from tmdb_assets.warehouse.loading.staging import create_staging, staging_name
from tmdb_assets.warehouse.schema.derived import SIMILAR, movie_similar

FILMS = 10_000
FILMS_A_CHUNK = 2_500
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
        ({SCALE} * sqrt(s.share) * f.bits * l.part / sqrt(
            (60 * f.most_bits) ^ 2
            + sum(f.bits * l.part * f.bits * l.part) over (partition by l.film, l.field)::double precision
        ))::integer as weight
    from similar_link as l
    inner join similar_feature as f on l.field = f.field and l.code = f.code
    inner join (
        values {", ".join(f"('{field}', {share / 100}::double precision)" for field, share in SHARES.items())}
    ) as s (field, share) on l.field = s.field
) as w
where w.film_count > 1
"""
RARE = """
create temp table similar_rare on commit drop as
select film, feature, weight from similar_weight where is_rare
"""
COMMON = """
create temp table similar_common on commit drop as
select film, feature, weight, row_number() over (partition by film order by film_count, feature) = 1 as is_rarest
from similar_weight
where not is_rare
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
WEIGH = (WEIGHT, "analyze similar_weight", RARE, "analyze similar_rare", COMMON, "analyze similar_common")
# Everything that the rows depend on; popularity only decides which films there are.
INPUTS = (
    "(select movie_id from similar_film)",
    "(select f.movie_id, l.field, l.code, l.part from similar_link as l inner join similar_film as f using (film))",
    "(select f.field, f.code, l.label from similar_label as l inner join similar_feature as f using (feature))",
)

# The score so far of the films that share a rare feature. With `is_wide`, for films with few of those, the rarest of
# their common features finds candidates too, and all of them are compared.
CANDIDATE = """
create temp table similar_candidate on commit drop as
select c.film, c.other, sum(c.score)::bigint as score
from (
    select a.film, b.film as other, a.weight * b.weight as score
    from similar_rare as a
    inner join similar_rare as b on a.feature = b.feature and a.film <> b.film
    where a.film in (select l.film from similar_left as l) and a.film between :first and :last
    union all
    select a.film, b.film, 0
    from similar_common as a
    inner join similar_common as b on a.feature = b.feature and a.film <> b.film
    where :is_wide and a.is_rarest
    and a.film in (select l.film from similar_left as l) and a.film between :first and :last
) as c
group by c.film, c.other
"""
CHOSEN = f"""
create temp table similar_chosen on commit drop as
select film, other, score
from (
    select c.*, row_number() over (partition by c.film order by c.score desc, c.other asc) as place
    from similar_candidate as c
) as placed
where place <= {CANDIDATES} or :is_wide
"""
RANKED = f"""
create temp table similar_ranked on commit drop as
select film, other, score, rank::smallint
from (
    select
        c.film,
        c.other,
        c.score + coalesce(s.score, 0) as score,
        row_number() over (partition by c.film order by c.score + coalesce(s.score, 0) desc, c.other asc) as rank,
        count(*) over (partition by c.film) as candidates
    from similar_chosen as c
    left join (
        select c.film, c.other, sum(a.weight * b.weight) as score
        from similar_chosen as c
        inner join similar_common as a on c.film = a.film
        inner join similar_common as b on c.other = b.film and a.feature = b.feature
        group by c.film, c.other
    ) as s on c.film = s.film and c.other = s.other
) as placed
where rank <= {SIMILAR} and (candidates >= {SIMILAR} or :is_wide)
"""
STORE = f"""
insert into {staging_name(movie_similar)} (movie_id, rank, similar_id, score, because)
select f.movie_id, r.rank, o.movie_id, round(r.score / {SCALE}.0 / {SCALE}, 4), w.because
from similar_ranked as r
inner join similar_film as f on r.film = f.film
inner join similar_film as o on r.other = o.film
inner join (
    select n.film, n.rank, string_agg(l.label, ', ' order by n.place) as because
    from (
        select
            r.film,
            r.rank,
            a.feature,
            row_number() over (partition by r.film, r.rank order by a.weight * b.weight desc, a.feature asc) as place
        from similar_ranked as r
        inner join similar_weight as a on r.film = a.film
        inner join similar_weight as b on r.other = b.film and a.feature = b.feature
    ) as n
    inner join similar_label as l on n.feature = l.feature
    where n.place <= 3
    group by n.film, n.rank
) as w on r.film = w.film and r.rank = w.rank
"""
CHUNK: tuple[str, ...] = (CANDIDATE, "analyze similar_candidate", CHOSEN, "analyze similar_chosen", RANKED)
CHUNK += ("analyze similar_ranked", STORE, "delete from similar_left where film in (select film from similar_ranked)")
CHUNK += ("drop table similar_candidate, similar_chosen, similar_ranked",)
STATEMENTS_HASH = hashlib.md5("".join([*READ, *WEIGH, *CHUNK]).encode(), usedforsecurity=False).hexdigest()
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
    connection.exec_driver_sql("create temp table similar_left on commit drop as select film from similar_film")
    for is_wide in (False, True):
        left = connection.execute(sa.text("select min(film) as first, max(film) as last from similar_left")).one()
        for first in range(left.first or 1, (left.last or 0) + 1, FILMS_A_CHUNK):
            _execute(connection, CHUNK, first=first, last=first + FILMS_A_CHUNK - 1, is_wide=is_wide)
    deleted = connection.exec_driver_sql(DELETE_OTHERS).rowcount
    counts = replace(merge(connection, movie_similar), deleted=deleted)
    note_computed(connection, movie_similar, inputs_hash)
    return counts


def _execute(connection: sa.Connection, steps: Iterable[str], **values: object) -> None:
    for step in steps:
        statement = sa.text(step)
        connection.execute(statement, {name: values[name] for name in statement.compile().params})
