-- Question: which films are like a given one (550), and why?
-- How to read: one row per similar film, the most similar first, with its score from 0 to 1 and the shared features
-- that count most.
select
    s.rank,
    m.title,
    extract(year from m.release_date)::integer as release_year,
    round(s.score::numeric, 3) as score,
    s.because
from movie_similar as s
inner join dim_movie as m on s.similar_id = m.movie_id
where s.movie_id = 550
order by s.rank asc;
