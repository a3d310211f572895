-- The small web shop of the picture in README.md. The same rows every time.
CREATE TABLE customer (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE product (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE orders (id int PRIMARY KEY, customer_id int NOT NULL REFERENCES customer, day date NOT NULL);
CREATE TABLE order_item (
    id int PRIMARY KEY, order_id int NOT NULL REFERENCES orders, product_id int NOT NULL REFERENCES product,
    quantity int NOT NULL, price numeric(10,2) NOT NULL
);
INSERT INTO customer
SELECT i, (ARRAY['Ana', 'Emma', 'Louis', 'Noah', 'Sofia'])[1 + i % 5] || ' ' || (ARRAY['Berg', 'Costa', 'Moreau', 'Novak', 'Rossi', 'Silva', 'Weber'])[1 + i % 7]
FROM generate_series(1, 1200) AS i;
INSERT INTO product
SELECT i, (ARRAY['Coffee', 'Green tea', 'Honey', 'Olive oil'])[i] FROM generate_series(1, 4) AS i;
INSERT INTO orders SELECT i, 1 + i * 7 % 1000, date '2026-01-01' + i * 250 / 12000 FROM generate_series(1, 12000) AS i;
INSERT INTO order_item SELECT i, 1 + i % 12000, 1 + i * 3 % 4, 1 + i % 3, (ARRAY[12.90, 4.50, 7.25, 9.80])[1 + i * 3 % 4] FROM generate_series(1, 30000) AS i;
ANALYZE;
