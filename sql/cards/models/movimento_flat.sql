-- One row for each movement whose card, account and holder exist. The associate is the card's holder,
-- who need not be the account's owner.
SELECT
    a.nome           AS nome_associado,
    a.sobrenome      AS sobrenome_associado,
    a.idade          AS idade_associado,
    m.vlr_transacao  AS vlr_transacao_movimento,
    m.des_transacao  AS des_transacao_movimento,
    m.data_movimento AS data_movimento,
    c.num_cartao     AS numero_cartao,
    c.nom_impresso   AS nome_impresso_cartao,
    c.data_criacao   AS data_criacao_cartao,
    o.tipo           AS tipo_conta,
    o.data_criacao   AS data_criacao_conta,
    a.id             AS id_associado,
    m.id             AS id_movimento
FROM movimento AS m
INNER JOIN cartao AS c ON m.id_cartao = c.id
INNER JOIN conta AS o ON c.id_conta = o.id
INNER JOIN associado AS a ON c.id_associado = a.id
