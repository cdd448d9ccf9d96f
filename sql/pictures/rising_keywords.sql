-- One row per keyword, the 20 whose films gained most popularity in 7 days, of keywords with three films or more.
select
    keyword_id,
    name,
    n_movies,
    median_popularity,
    change_percent_7d
from vw_keyword_popularity
where n_movies_7d_ago >= 3 and change_percent_7d > 0
order by change_percent_7d desc, keyword_id asc
limit 20
