-- Types and tables, without schema names: they go into the schema that is named after the dataset.
CREATE TABLE book (
    isbn   varchar(13)   NOT NULL,
    title  varchar(200)  NOT NULL,
    author varchar(100),
    price  numeric(8, 2)
);

CREATE TABLE reader (
    id     integer      NOT NULL,
    name   varchar(100) NOT NULL,
    joined date         NOT NULL
);

CREATE TABLE loan (
    id        bigint        NOT NULL,
    isbn      varchar(13)   NOT NULL,
    reader_id integer       NOT NULL,
    lent_at   timestamp     NOT NULL,
    days      smallint,
    fee       numeric(6, 2)
);
