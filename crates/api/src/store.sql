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
);

-- Who sent how many rows where, and what became of them: a line for each request, written in the transaction of its rows.
CREATE TABLE IF NOT EXISTS extrato_serve.audit (
    at         timestamptz NOT NULL DEFAULT now(),
    request    text        NOT NULL,
    client     text        NOT NULL,
    dataset    text        NOT NULL,
    schema     text        NOT NULL,
    table_name text        NOT NULL,
    received   integer     NOT NULL,
    inserted   integer     NOT NULL,
    updated    integer     NOT NULL,
    skipped    integer     NOT NULL,
    rejected   integer     NOT NULL,
    left_out   integer     NOT NULL
);

-- Lines come in the order of time, so that an index by blocks costs next to nothing as they are written.
CREATE INDEX IF NOT EXISTS audit_at ON extrato_serve.audit USING brin (at)
