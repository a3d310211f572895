-- Run after a load. A statement ends with a semicolon at the end of a line; those that follow each other and
-- create indexes run at the same time, so the longest come first.
--
-- The constraints are those that the files keep. Two of the source's are left out:
--   customer.person_id → person: some 700 customers name a person that the person file lacks;
--   sales_order_detail (special_offer_id, product_id) → special_offer_product: a line sold without an offer for its
--   product is still a sale; the model that needs offers joins on both columns.
CREATE UNIQUE INDEX sales_order_detail_pkey ON sales_order_detail (sales_order_id, sales_order_detail_id);
CREATE INDEX ON sales_order_detail (product_id);
CREATE UNIQUE INDEX sales_order_header_pkey ON sales_order_header (sales_order_id);
CREATE INDEX ON sales_order_header (customer_id);
CREATE UNIQUE INDEX person_pkey ON person (business_entity_id);
CREATE UNIQUE INDEX customer_pkey ON customer (customer_id);
CREATE INDEX ON customer (person_id);
CREATE UNIQUE INDEX special_offer_product_pkey ON special_offer_product (special_offer_id, product_id);
CREATE UNIQUE INDEX product_pkey ON product (product_id);

ALTER TABLE person ADD PRIMARY KEY USING INDEX person_pkey;
ALTER TABLE product ADD PRIMARY KEY USING INDEX product_pkey;
ALTER TABLE customer ADD PRIMARY KEY USING INDEX customer_pkey;
ALTER TABLE special_offer_product ADD PRIMARY KEY USING INDEX special_offer_product_pkey;
ALTER TABLE sales_order_header ADD PRIMARY KEY USING INDEX sales_order_header_pkey;
ALTER TABLE sales_order_detail ADD PRIMARY KEY USING INDEX sales_order_detail_pkey;

ALTER TABLE special_offer_product ADD FOREIGN KEY (product_id) REFERENCES product;
ALTER TABLE sales_order_header ADD FOREIGN KEY (customer_id) REFERENCES customer;
ALTER TABLE sales_order_detail ADD FOREIGN KEY (sales_order_id) REFERENCES sales_order_header;
ALTER TABLE sales_order_detail ADD FOREIGN KEY (product_id) REFERENCES product;
