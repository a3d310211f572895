-- What was spent with cards of each kind of account, and with how many cards.
SELECT
    o.tipo               AS account_kind,
    COUNT(DISTINCT c.id) AS cards,
    COUNT(*)             AS movements,
    SUM(m.vlr_transacao) AS spent
FROM movimento AS m
INNER JOIN cartao AS c ON m.id_cartao = c.id
INNER JOIN conta AS o ON c.id_conta = o.id
GROUP BY o.tipo
