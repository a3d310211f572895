-- The shape of Northwind, as its port to Postgres has it, with rows of our own.
CREATE TABLE categories (category_id smallint PRIMARY KEY, category_name varchar(15) NOT NULL, description text, picture bytea);
CREATE TABLE customer_demographics (customer_type_id varchar(5) PRIMARY KEY, customer_desc text);
CREATE TABLE customers (
    customer_id varchar(5) PRIMARY KEY, company_name varchar(40) NOT NULL, contact_name varchar(30), city varchar(15),
    country varchar(15), phone varchar(24)
);
CREATE TABLE customer_customer_demo (
    customer_id varchar(5) REFERENCES customers, customer_type_id varchar(5) REFERENCES customer_demographics,
    PRIMARY KEY (customer_id, customer_type_id)
);
CREATE TABLE employees (
    employee_id smallint PRIMARY KEY, last_name varchar(20) NOT NULL, first_name varchar(10) NOT NULL, birth_date date,
    photo bytea, notes text, reports_to smallint REFERENCES employees
);
CREATE TABLE suppliers (supplier_id smallint PRIMARY KEY, company_name varchar(40) NOT NULL, homepage text);
CREATE TABLE products (
    product_id smallint PRIMARY KEY, product_name varchar(40) NOT NULL, supplier_id smallint REFERENCES suppliers,
    category_id smallint REFERENCES categories, unit_price real, discontinued integer NOT NULL
);
CREATE TABLE region (region_id smallint PRIMARY KEY, region_description varchar(60) NOT NULL);
CREATE TABLE shippers (shipper_id smallint PRIMARY KEY, company_name varchar(40) NOT NULL, phone varchar(24));
CREATE TABLE territories (
    territory_id varchar(20) PRIMARY KEY, territory_description varchar(60) NOT NULL,
    region_id smallint NOT NULL REFERENCES region
);
CREATE TABLE employee_territories (
    employee_id smallint REFERENCES employees, territory_id varchar(20) REFERENCES territories,
    PRIMARY KEY (employee_id, territory_id)
);
CREATE TABLE orders (
    order_id smallint PRIMARY KEY, customer_id varchar(5) REFERENCES customers, employee_id smallint REFERENCES employees,
    order_date date, ship_via smallint REFERENCES shippers, freight real, ship_name varchar(40)
);
CREATE TABLE order_details (
    order_id smallint REFERENCES orders, product_id smallint REFERENCES products, unit_price real NOT NULL,
    quantity smallint NOT NULL, discount real NOT NULL, PRIMARY KEY (order_id, product_id)
);
CREATE TABLE us_states (state_id smallint PRIMARY KEY, state_name varchar(100), state_abbr varchar(2));
INSERT INTO categories SELECT i, 'Bebidas ' || i, NULLIF('', i::text), '\x00ff' FROM generate_series(1, 8) AS i;
INSERT INTO customers SELECT 'C' || i, 'Padaria "São João" ' || i, CASE WHEN i % 3 > 0 THEN 'Ana, ' || i END, 'Lisboa', 'Portugal', ''
FROM generate_series(1, 20) AS i;
INSERT INTO employees SELECT i, 'Silva', 'Rui ' || i, '1960-02-29', '\x01', E'two\nlines', NULLIF(i / 2, 0) FROM generate_series(1, 9) AS i;
INSERT INTO suppliers SELECT i, 'Exotic Liquids ' || i, NULL FROM generate_series(1, 5) AS i;
INSERT INTO products SELECT i, 'Chá ' || i, NULLIF(i % 6, 0), 1 + i % 8, i * 1.1, 0 FROM generate_series(1, 40) AS i;
INSERT INTO region VALUES (1, 'Leste');
INSERT INTO shippers SELECT i, 'Correio ' || i, '(503) 555' FROM generate_series(1, 3) AS i;
INSERT INTO territories VALUES ('01581', 'Westboro', 1);
INSERT INTO employee_territories VALUES (1, '01581');
INSERT INTO orders SELECT i, 'C' || (1 + i % 19), 1 + i % 9, date '1996-07-04' + i, CASE WHEN i % 7 > 0 THEN 1 + i % 3 END, i / 7.0, 'Vins'
FROM generate_series(1, 150) AS i;
INSERT INTO order_details SELECT o, 1 + (o + p) % 40, p * 2.5, p, 0.05 FROM generate_series(1, 150) AS o, generate_series(1, 3) AS p;
INSERT INTO us_states SELECT i, 'State ' || i, 'ST' FROM generate_series(1, 600) AS i;
