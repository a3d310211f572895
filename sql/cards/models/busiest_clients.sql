-- The twenty associates who spent most with cards of theirs, of equal sums the lower id first. Whether an associate owns
-- the card's account too is of no matter.
WITH spent AS (
    SELECT
        c.id_associado       AS id_associado,
        COUNT(*)             AS movements,
        SUM(m.vlr_transacao) AS spent
    FROM movimento AS m
    INNER JOIN cartao AS c ON m.id_cartao = c.id
    GROUP BY c.id_associado
)
SELECT
    a.id                             AS id_associado,
    CONCAT(a.nome, ' ', a.sobrenome) AS client,
    s.movements                      AS movements,
    s.spent                          AS spent
FROM spent AS s
INNER JOIN associado AS a ON s.id_associado = a.id
ORDER BY s.spent DESC, a.id ASC
LIMIT 20
