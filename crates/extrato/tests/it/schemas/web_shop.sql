-- What the pages of docs/ call a web shop: who bought what, with keys and amounts.
CREATE TABLE customers (id integer PRIMARY KEY, name text NOT NULL, email text, city text NOT NULL);
CREATE TABLE orders (id integer PRIMARY KEY, customer_id integer NOT NULL REFERENCES customers, placed_at timestamp NOT NULL,
    status text NOT NULL, total numeric(10,2) NOT NULL);
CREATE TABLE order_lines (order_id integer REFERENCES orders, line integer, product text NOT NULL, quantity integer NOT NULL,
    price numeric(10,2) NOT NULL, PRIMARY KEY (order_id, line));
INSERT INTO customers SELECT i, 'Customer ' || i, 'c' || i || '@shop.example', (ARRAY['Recife', 'Santos'])[1 + i % 2]
    FROM generate_series(1, 20) AS i;
INSERT INTO orders SELECT i, 1 + i % 18, timestamp '2026-03-01' + i * interval '1 hour', 'paid', 12.5 * i
    FROM generate_series(1, 100) AS i;
INSERT INTO order_lines SELECT o, n, 'Product ' || (o + n) % 7, n, 4.25 FROM generate_series(1, 100) AS o, generate_series(1, 3) AS n;
