-- Question: which countries co-produce most often?
-- How to read: one row per pair of countries with a film in common, most films first. A film of three countries
-- counts for three pairs. `share_of_first` is the share of the first country's films co-produced with the second.
with films as (
    select
        b.iso_3166_1,
        count(*) as n_movies
    from bridge_movie_country as b
    group by b.iso_3166_1
),

pairs as (
    select
        one.iso_3166_1 as first_code,
        two.iso_3166_1 as second_code,
        count(*) as n_movies
    from bridge_movie_country as one
    inner join bridge_movie_country as two
        on one.movie_id = two.movie_id and one.iso_3166_1 < two.iso_3166_1
    group by one.iso_3166_1, two.iso_3166_1
)

select
    a.name as first_country,
    b.name as second_country,
    p.n_movies,
    round(p.n_movies::numeric / f.n_movies, 3) as share_of_first
from pairs as p
inner join films as f on p.first_code = f.iso_3166_1
inner join dim_country as a on p.first_code = a.iso_3166_1
inner join dim_country as b on p.second_code = b.iso_3166_1
order by p.n_movies desc, first_country asc, second_country asc
limit 20;
