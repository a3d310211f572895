-- What `extrato serve` keeps of its own.
CREATE SCHEMA IF NOT EXISTS extrato_serve;

-- Who may. Of a key there is its checksum alone; scopes are `DATASET:read` and `DATASET:write`.
CREATE TABLE IF NOT EXISTS extrato_serve.key (
    name    text        PRIMARY KEY,
    sum     bytea       NOT NULL UNIQUE,
    scopes  text[]      NOT NULL,
    created timestamptz NOT NULL DEFAULT now(),
    expires timestamptz,
    revoked timestamptz
);

-- The answers to requests with an Idempotency-Key, each written in the transaction that inserted the rows.
CREATE TABLE IF NOT EXISTS extrato_serve.request (
    client text        NOT NULL,
    key    text        NOT NULL,
    sum    bytea       NOT NULL,
    status smallint    NOT NULL,
    answer text        NOT NULL,
    at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (client, key)
)
