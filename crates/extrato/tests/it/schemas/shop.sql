-- A web shop: uuid keys, jsonb, arrays, numerics of no precision, a composite key, a table that refers to itself, two
-- references to one table, names in quotes, a view.
CREATE TYPE order_status AS ENUM ('new', 'paid', 'sent');
CREATE TABLE category (id serial PRIMARY KEY, parent_id int REFERENCES category, "Name" text NOT NULL);
CREATE TABLE customer (
    id uuid PRIMARY KEY, name text NOT NULL, email varchar(100), tags text[], profile jsonb, created_at timestamptz NOT NULL
);
CREATE TABLE address (id serial PRIMARY KEY, customer_id uuid NOT NULL REFERENCES customer, city text);
CREATE TABLE product (id bigserial PRIMARY KEY, category_id int REFERENCES category, name text, price numeric NOT NULL, weight real);
CREATE TABLE "order" (
    id bigserial PRIMARY KEY, customer_id uuid NOT NULL REFERENCES customer, billing_address_id int REFERENCES address,
    shipping_address_id int NOT NULL REFERENCES address, status order_status NOT NULL, ordered_at timestamp NOT NULL
);
CREATE TABLE order_item (
    order_id bigint REFERENCES "order", line smallint, product_id bigint NOT NULL REFERENCES product, qty int NOT NULL,
    amount numeric(12,2) NOT NULL, PRIMARY KEY (order_id, line)
);
CREATE VIEW big_order AS SELECT * FROM "order" WHERE id > 250;
INSERT INTO category (parent_id, "Name") VALUES (NULL, 'tudo'), (1, 'livros');
INSERT INTO customer SELECT md5(i::text)::uuid, 'Cliente ' || i, NULLIF('', i::text), ARRAY['a', 'b"c'], '{"vip": true}', '2026-01-01 00:00:00-03'
FROM generate_series(1, 50) AS i;
INSERT INTO address (customer_id, city) SELECT id, 'São Paulo' FROM customer;
INSERT INTO product (category_id, name, price, weight) SELECT CASE WHEN i % 3 > 0 THEN 2 END, 'P' || i, i / 3.0, i * 0.1 FROM generate_series(1, 30) AS i;
INSERT INTO "order" (customer_id, billing_address_id, shipping_address_id, status, ordered_at)
SELECT md5((1 + i % 45)::text)::uuid, CASE WHEN i % 2 = 0 THEN 1 + i % 50 END, 1 + i % 50, 'paid', timestamp '2026-03-01' + i * interval '1 hour'
FROM generate_series(1, 500) AS i;
INSERT INTO order_item SELECT o, n, 1 + (o + n) % 30, n, n * 1.25 FROM generate_series(1, 500) AS o, generate_series(1, 4) AS n;
