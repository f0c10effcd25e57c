-- How late the departures of each hour were, by airport. Minutes; cancelled flights have none.
SELECT
    hour,
    origin                            AS airport,
    count(dep_delay)                  AS departed,
    round(avg(dep_delay), 1)          AS mean_delay,
    max(dep_delay)                    AS longest
FROM departures
GROUP BY hour, origin
HAVING count(dep_delay) > 0
ORDER BY hour, origin
