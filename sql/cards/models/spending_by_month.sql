-- What was spent in each month, by the kind of the card's account. Months without a movement are left out.
WITH spent AS (
    SELECT
        CAST(DATE_TRUNC('month', m.data_movimento) AS date) AS month,
        o.tipo                                              AS account_kind,
        m.vlr_transacao                                     AS amount
    FROM movimento AS m
    INNER JOIN cartao AS c ON m.id_cartao = c.id
    INNER JOIN conta AS o ON c.id_conta = o.id
)
SELECT
    s.month        AS month,
    s.account_kind AS account_kind,
    COUNT(*)       AS movements,
    SUM(s.amount)  AS spent
FROM spent AS s
GROUP BY s.month, s.account_kind
