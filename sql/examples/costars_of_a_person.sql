-- Question: with whom does someone share the screen most often?
-- How to read: one row per costar of the person below (change the name), most common films first. Both are among the
-- first five of the cast, in two films or more.
select
    c.costar_name,
    c.n_movies
from vw_costars as c
where c.name = 'Daniel Radcliffe'
order by c.n_movies desc, c.costar_name asc;
