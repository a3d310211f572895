-- The shape of Chinook, as its version for Postgres has it, with rows of our own.
CREATE TABLE artist (artist_id int PRIMARY KEY, name varchar(120));
CREATE TABLE album (album_id int PRIMARY KEY, title varchar(160) NOT NULL, artist_id int NOT NULL REFERENCES artist);
CREATE TABLE employee (
    employee_id int PRIMARY KEY, last_name varchar(20) NOT NULL, first_name varchar(20) NOT NULL, title varchar(30),
    reports_to int REFERENCES employee, birth_date timestamp
);
CREATE TABLE customer (
    customer_id int PRIMARY KEY, first_name varchar(40) NOT NULL, last_name varchar(20) NOT NULL, email varchar(60) NOT NULL,
    support_rep_id int REFERENCES employee
);
CREATE TABLE genre (genre_id int PRIMARY KEY, name varchar(120));
CREATE TABLE media_type (media_type_id int PRIMARY KEY, name varchar(120));
CREATE TABLE invoice (
    invoice_id int PRIMARY KEY, customer_id int NOT NULL REFERENCES customer, invoice_date timestamp NOT NULL,
    billing_city varchar(40), total numeric(10,2) NOT NULL
);
CREATE TABLE track (
    track_id int PRIMARY KEY, name varchar(200) NOT NULL, album_id int REFERENCES album, media_type_id int NOT NULL REFERENCES media_type,
    genre_id int REFERENCES genre, milliseconds int NOT NULL, unit_price numeric(10,2) NOT NULL
);
CREATE TABLE invoice_line (
    invoice_line_id int PRIMARY KEY, invoice_id int NOT NULL REFERENCES invoice, track_id int NOT NULL REFERENCES track,
    unit_price numeric(10,2) NOT NULL, quantity int NOT NULL
);
CREATE TABLE playlist (playlist_id int PRIMARY KEY, name varchar(120));
CREATE TABLE playlist_track (playlist_id int REFERENCES playlist, track_id int REFERENCES track, PRIMARY KEY (playlist_id, track_id));
INSERT INTO artist SELECT i, 'Caetano ' || i FROM generate_series(1, 10) AS i;
INSERT INTO album SELECT i, 'Álbum; ' || i, 1 + i % 10 FROM generate_series(1, 30) AS i;
INSERT INTO employee SELECT i, 'Adams', 'Andrew', 'General Manager', NULLIF(i - 1, 0), '1962-02-18 01:02:03.000004'
FROM generate_series(1, 4) AS i;
INSERT INTO customer SELECT i, 'Luís', 'Gonçalves', 'luis' || i || '@embraer.com.br', CASE WHEN i % 5 > 0 THEN 1 + i % 4 END
FROM generate_series(1, 59) AS i;
INSERT INTO genre SELECT i, 'Samba ' || i FROM generate_series(1, 6) AS i;
INSERT INTO media_type VALUES (1, 'MPEG'), (2, 'AAC');
INSERT INTO invoice SELECT i, 1 + i % 59, timestamp '2021-01-01' + i * interval '1 day', NULLIF('Oslo', CASE WHEN i % 2 = 0 THEN 'Oslo' END), i / 100.0
FROM generate_series(1, 200) AS i;
INSERT INTO track SELECT i, 'Faixa ''' || i || '''', NULLIF(i % 31, 0), 1 + i % 2, NULLIF(i % 7, 0), i * 1000, 0.99 FROM generate_series(1, 300) AS i;
INSERT INTO invoice_line SELECT i, 1 + i % 200, 1 + i % 300, 0.99 + i % 2, 1 FROM generate_series(1, 500) AS i;
INSERT INTO playlist VALUES (1, 'Music'), (2, NULL);
INSERT INTO playlist_track SELECT p, t FROM generate_series(1, 2) AS p, generate_series(1, 300) AS t;
