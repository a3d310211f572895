-- A credit cooperative: associates, their accounts, the cards on these accounts, the cards' movements.
-- Keys, foreign keys and indexes follow in constraints.sql, once the rows are in.

CREATE TYPE tipo_conta AS ENUM ('corrente', 'poupanca', 'salario', 'universitaria');

CREATE TABLE associado (
    id        integer      NOT NULL,
    nome      varchar(100) NOT NULL,
    sobrenome varchar(100) NOT NULL,
    idade     integer      NOT NULL,
    email     varchar(255) NOT NULL
);

CREATE TABLE conta (
    id           integer    NOT NULL,
    tipo         tipo_conta NOT NULL,
    data_criacao timestamp  NOT NULL,
    id_associado integer    NOT NULL
);

CREATE TABLE cartao (
    id           integer      NOT NULL,
    num_cartao   bigint       NOT NULL,
    nom_impresso varchar(100) NOT NULL,
    data_criacao timestamp    NOT NULL,
    id_conta     integer      NOT NULL,
    id_associado integer      NOT NULL
);

CREATE TABLE movimento (
    id             bigint         NOT NULL,
    vlr_transacao  numeric(10, 2) NOT NULL,
    des_transacao  varchar(255)   NOT NULL,
    data_movimento timestamp      NOT NULL,
    id_cartao      integer        NOT NULL
);
