-- What was spent in each hour of the day, over all days.
WITH spent AS (
    SELECT
        EXTRACT(HOUR FROM m.data_movimento) AS hour,
        m.vlr_transacao                     AS amount
    FROM movimento AS m
)
SELECT
    CAST(s.hour AS integer) AS hour,
    COUNT(*)                AS movements,
    SUM(s.amount)           AS spent
FROM spent AS s
GROUP BY s.hour
