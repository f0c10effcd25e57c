-- The period's departures, one row a flight, in the order in which they were to leave.
-- scheduled is New York's wall clock; a flight without a delay never left; airlines go by their names, not their firms'.
SELECT
    timezone('America/New_York', f.time_hour) + to_minutes(f.minute) AS scheduled,
    f.hour,
    f.carrier,
    regexp_replace(a.name, ' (Inc\.|Co\.|Corporation)$', '') AS airline,
    f.carrier || ' ' || f.flight AS flight,
    f.origin,
    f.dest,
    f.dep_delay,
    f.arr_delay,
    f.dep_delay IS NULL AS cancelled
FROM flights AS f
JOIN airlines AS a USING (carrier)
WHERE f.time_hour >= :start AND f.time_hour < :end
ORDER BY scheduled, flight
