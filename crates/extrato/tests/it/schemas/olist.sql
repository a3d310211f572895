-- The shape of Olist's orders of Brazilian shops, with rows of our own.
CREATE TABLE customers (customer_id char(32) PRIMARY KEY, customer_unique_id char(32) NOT NULL, customer_zip_code_prefix varchar(5), customer_city text, customer_state char(2));
CREATE TABLE geolocation (geolocation_zip_code_prefix varchar(5), geolocation_lat double precision, geolocation_lng double precision, geolocation_city text);
CREATE TABLE sellers (seller_id char(32) PRIMARY KEY, seller_zip_code_prefix varchar(5), seller_city text, seller_state char(2));
CREATE TABLE products (product_id char(32) PRIMARY KEY, product_category_name text, product_weight_g numeric, product_photos_qty integer);
CREATE TABLE orders (
    order_id char(32) PRIMARY KEY, customer_id char(32) NOT NULL REFERENCES customers, order_status text NOT NULL,
    order_purchase_timestamp timestamp NOT NULL, order_delivered_customer_date timestamp
);
CREATE TABLE order_items (
    order_id char(32) REFERENCES orders, order_item_id integer, product_id char(32) NOT NULL REFERENCES products,
    seller_id char(32) NOT NULL REFERENCES sellers, shipping_limit_date timestamptz, price numeric(10,2) NOT NULL,
    freight_value numeric(10,2), PRIMARY KEY (order_id, order_item_id)
);
CREATE TABLE order_payments (
    order_id char(32) REFERENCES orders, payment_sequential integer, payment_type text, payment_value numeric(10,2),
    PRIMARY KEY (order_id, payment_sequential)
);
CREATE TABLE order_reviews (review_id char(32), order_id char(32) REFERENCES orders, review_score integer, review_comment_message text);
INSERT INTO customers SELECT md5('c' || i), md5('u' || i % 80), lpad(i::text, 5, '0'), 'São José dos Campos', 'SP' FROM generate_series(1, 100) AS i;
INSERT INTO geolocation SELECT '01046', -23.54929 + i / 1e6, -46.63 / i, 'são paulo' FROM generate_series(1, 5000) AS i;
INSERT INTO sellers SELECT md5('s' || i), '13023', 'campinas', 'SP' FROM generate_series(1, 10) AS i;
INSERT INTO products SELECT md5('p' || i), CASE WHEN i % 4 > 0 THEN 'beleza_saude' END, i / 8.0, NULLIF(i % 3, 0) FROM generate_series(1, 30) AS i;
INSERT INTO orders SELECT md5('o' || i), md5('c' || 1 + i % 90), 'delivered', timestamp '2017-10-02 10:56:33' + i * interval '1 min',
    CASE WHEN i % 5 > 0 THEN timestamp '2017-10-10 21:25:13' END FROM generate_series(1, 300) AS i;
INSERT INTO order_items SELECT md5('o' || o), n, md5('p' || 1 + (o + n) % 30), md5('s' || 1 + o % 10), '2017-10-06 11:07:15-03', o + n / 100.0, NULLIF(n, 2)
FROM generate_series(1, 300) AS o, generate_series(1, 2) AS n;
INSERT INTO order_payments SELECT md5('o' || o), 1, 'boleto', o FROM generate_series(1, 300) AS o;
INSERT INTO order_reviews SELECT md5('r' || o), md5('o' || o), 5, E'Recebi bem antes do prazo,\r\n "ótimo"' FROM generate_series(1, 300) AS o;
