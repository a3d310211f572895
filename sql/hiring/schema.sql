-- Who was hired when, for which job in which department. Columns stand in the order of the files that they arrive in.
-- Keys, foreign keys and indexes follow in constraints.sql, once the rows are in.

CREATE TABLE departments (
    id         integer      NOT NULL,
    department varchar(100) NOT NULL
);

CREATE TABLE jobs (
    id  integer      NOT NULL,
    job varchar(100) NOT NULL
);

-- Instants: the files give them in UTC, with a Z.
CREATE TABLE hired_employees (
    id            integer      NOT NULL,
    name          varchar(255) NOT NULL,
    datetime      timestamptz  NOT NULL,
    department_id integer      NOT NULL,
    job_id        integer      NOT NULL
);
