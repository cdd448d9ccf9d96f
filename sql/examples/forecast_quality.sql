-- Question: how good is the forecast, and does it beat "as it is today"?
-- How to read: one row per day ahead: the published model, its error in percent of what came (WAPE), that of the last
-- value, and over how many days both were measured.
select
    s.horizon,
    s.model,
    round(100 * s.wape::numeric, 1) as error_percent,
    round(100 * l.wape::numeric, 1) as error_percent_of_last_value,
    s.origin_count
from forecast_score as s
inner join forecast_score as l on s.origin_date = l.origin_date and s.horizon = l.horizon
where
    s.origin_date = (select max(x.origin_date) from forecast_score as x)
    and s.is_published
    and l.model = 'last_value'
order by s.horizon asc;
