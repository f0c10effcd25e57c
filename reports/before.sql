-- The departures of the four weeks before the period: what "usual" is measured by.
SELECT carrier, origin, dep_delay
FROM flights
WHERE time_hour >= :start - INTERVAL 28 DAY AND time_hour < :start
