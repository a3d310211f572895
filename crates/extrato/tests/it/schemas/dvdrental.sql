-- The shape of dvdrental, the sample database of Postgres's tutorials, with rows of our own.
CREATE TYPE mpaa_rating AS ENUM ('G', 'PG', 'PG-13', 'R', 'NC-17');
CREATE DOMAIN year AS integer CHECK (VALUE >= 1901 AND VALUE <= 2155);
CREATE TABLE actor (actor_id serial PRIMARY KEY, first_name varchar(45) NOT NULL, last_update timestamp NOT NULL DEFAULT '2013-05-26 14:47:57.62');
CREATE TABLE category (category_id serial PRIMARY KEY, name varchar(25) NOT NULL);
CREATE TABLE country (country_id serial PRIMARY KEY, country varchar(50) NOT NULL);
CREATE TABLE city (city_id serial PRIMARY KEY, city varchar(50) NOT NULL, country_id smallint NOT NULL REFERENCES country);
CREATE TABLE address (
    address_id serial PRIMARY KEY, address varchar(50) NOT NULL, address2 varchar(50), city_id smallint NOT NULL REFERENCES city,
    phone varchar(20) NOT NULL
);
CREATE TABLE language (language_id serial PRIMARY KEY, name char(20) NOT NULL);
CREATE TABLE film (
    film_id serial PRIMARY KEY, title varchar(255) NOT NULL, release_year year, language_id smallint NOT NULL REFERENCES language,
    original_language_id smallint REFERENCES language, rental_rate numeric(4,2) NOT NULL DEFAULT 4.99, length smallint,
    rating mpaa_rating DEFAULT 'G', special_features text[], fulltext tsvector
);
CREATE TABLE film_actor (actor_id smallint REFERENCES actor, film_id smallint REFERENCES film, PRIMARY KEY (actor_id, film_id));
CREATE TABLE film_category (film_id smallint REFERENCES film, category_id smallint REFERENCES category, PRIMARY KEY (film_id, category_id));
CREATE TABLE staff (
    staff_id serial PRIMARY KEY, first_name varchar(45) NOT NULL, address_id smallint NOT NULL REFERENCES address, active boolean NOT NULL,
    store_id smallint NOT NULL, picture bytea
);
CREATE TABLE store (
    store_id serial PRIMARY KEY, manager_staff_id smallint NOT NULL REFERENCES staff, address_id smallint NOT NULL REFERENCES address
);
CREATE TABLE customer (
    customer_id serial PRIMARY KEY, store_id smallint NOT NULL REFERENCES store, first_name varchar(45) NOT NULL, email varchar(50),
    address_id smallint NOT NULL REFERENCES address, activebool boolean NOT NULL DEFAULT true, create_date date NOT NULL DEFAULT '2006-02-14'
);
CREATE TABLE inventory (inventory_id serial PRIMARY KEY, film_id smallint NOT NULL REFERENCES film, store_id smallint NOT NULL REFERENCES store);
CREATE TABLE rental (
    rental_id serial PRIMARY KEY, rental_date timestamp NOT NULL, inventory_id integer NOT NULL REFERENCES inventory,
    customer_id smallint NOT NULL REFERENCES customer, return_date timestamp, staff_id smallint NOT NULL REFERENCES staff
);
CREATE TABLE payment (
    payment_id serial PRIMARY KEY, customer_id smallint NOT NULL REFERENCES customer, staff_id smallint NOT NULL REFERENCES staff,
    rental_id integer NOT NULL REFERENCES rental, amount numeric(5,2) NOT NULL, payment_date timestamp NOT NULL
);
CREATE VIEW customer_list AS SELECT customer_id AS id, first_name AS name FROM customer;
INSERT INTO actor (first_name) SELECT 'Penélope ' || i FROM generate_series(1, 20) AS i;
INSERT INTO category (name) VALUES ('Ação'), ('Drama');
INSERT INTO country (country) VALUES ('Brasil'), ('Portugal');
INSERT INTO city (city, country_id) SELECT 'Cidade ' || i, 1 + i % 2 FROM generate_series(1, 10) AS i;
INSERT INTO address (address, address2, city_id, phone) SELECT i || ' MySakila Drive', NULLIF(i % 2, 1)::text, 1 + i % 10, '' FROM generate_series(1, 60) AS i;
INSERT INTO language (name) VALUES ('English'), ('Português');
INSERT INTO film (title, release_year, language_id, original_language_id, length, rating, special_features, fulltext)
SELECT 'Academy Dinosaur ' || i, 2006, 1, CASE WHEN i % 2 = 0 THEN 2 END, NULLIF(i, 5), 'PG-13', ARRAY['Trailers', 'a,b'], to_tsvector('simple', 'film ' || i)
FROM generate_series(1, 30) AS i;
INSERT INTO film_actor SELECT a, f FROM generate_series(1, 20) AS a, generate_series(1, 30) AS f;
INSERT INTO film_category SELECT f, 1 + f % 2 FROM generate_series(1, 30) AS f;
INSERT INTO staff (first_name, address_id, active, store_id, picture) VALUES ('Mike', 1, true, 1, '\x89504e47'), ('Jon', 2, false, 2, NULL);
INSERT INTO store (manager_staff_id, address_id) VALUES (1, 1), (2, 2);
ALTER TABLE staff ADD FOREIGN KEY (store_id) REFERENCES store;
INSERT INTO customer (store_id, first_name, email, address_id) SELECT 1 + i % 2, 'Mary ' || i, NULLIF('m@x', CASE WHEN i = 3 THEN 'm@x' END), 1 + i FROM generate_series(1, 50) AS i;
INSERT INTO inventory (film_id, store_id) SELECT 1 + i % 30, 1 + i % 2 FROM generate_series(1, 100) AS i;
INSERT INTO rental (rental_date, inventory_id, customer_id, return_date, staff_id)
SELECT timestamp '2005-05-24 22:53:30' + i * interval '1 hour', 1 + i % 100, 1 + i % 50, NULL, 1 + i % 2 FROM generate_series(1, 400) AS i;
INSERT INTO payment (customer_id, staff_id, rental_id, amount, payment_date)
SELECT 1 + i % 49, 1 + i % 2, i, i / 100.0, timestamp '2007-02-15 22:25:46.996577' FROM generate_series(1, 400) AS i;
