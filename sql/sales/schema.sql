-- AdventureWorks' sales: who buys (person, customer), what (product, and the offers it is sold under), and the
-- orders with their lines. Columns stand in the order of the files that they arrive in.
-- Keys, foreign keys and indexes follow in constraints.sql, once the rows are in.
--
-- Codes such as 'CM ' are padded in the source and stay so: varchar keeps every character. XML is kept as the
-- text that it arrived as. What the source holds as money has its four digits after the point.

CREATE TABLE person (
    business_entity_id      integer     NOT NULL,
    person_type             varchar(2)  NOT NULL,
    name_style              boolean     NOT NULL,
    title                   varchar(8),
    first_name              varchar(50) NOT NULL,
    middle_name             varchar(50),
    last_name               varchar(50) NOT NULL,
    suffix                  varchar(10),
    email_promotion         integer     NOT NULL,
    additional_contact_info text,
    demographics            text,
    rowguid                 uuid        NOT NULL,
    modified_date           timestamp   NOT NULL
);

CREATE TABLE product (
    product_id               integer        NOT NULL,
    name                     varchar(50)    NOT NULL,
    product_number           varchar(25)    NOT NULL,
    make_flag                boolean        NOT NULL,
    finished_goods_flag      boolean        NOT NULL,
    color                    varchar(15),
    safety_stock_level       smallint       NOT NULL,
    reorder_point            smallint       NOT NULL,
    standard_cost            numeric(19, 4) NOT NULL,
    list_price               numeric(19, 4) NOT NULL,
    size                     varchar(5),
    size_unit_measure_code   varchar(3),
    weight_unit_measure_code varchar(3),
    weight                   numeric(8, 2),
    days_to_manufacture      integer        NOT NULL,
    product_line             varchar(2),
    class                    varchar(2),
    style                    varchar(2),
    product_subcategory_id   integer,
    product_model_id         integer,
    sell_start_date          timestamp      NOT NULL,
    sell_end_date            timestamp,
    discontinued_date        timestamp,
    rowguid                  uuid           NOT NULL,
    modified_date            timestamp      NOT NULL
);

CREATE TABLE customer (
    customer_id    integer     NOT NULL,
    person_id      integer,
    store_id       integer,
    territory_id   integer,
    account_number varchar(10) NOT NULL,
    rowguid        uuid        NOT NULL,
    modified_date  timestamp   NOT NULL
);

CREATE TABLE special_offer_product (
    special_offer_id integer   NOT NULL,
    product_id       integer   NOT NULL,
    rowguid          uuid      NOT NULL,
    modified_date    timestamp NOT NULL
);

CREATE TABLE sales_order_header (
    sales_order_id            integer        NOT NULL,
    revision_number           smallint       NOT NULL,
    order_date                timestamp      NOT NULL,
    due_date                  timestamp      NOT NULL,
    ship_date                 timestamp,
    status                    smallint       NOT NULL,
    online_order_flag         boolean        NOT NULL,
    sales_order_number        varchar(25)    NOT NULL,
    purchase_order_number     varchar(25),
    account_number            varchar(15),
    customer_id               integer        NOT NULL,
    sales_person_id           integer,
    territory_id              integer,
    bill_to_address_id        integer        NOT NULL,
    ship_to_address_id        integer        NOT NULL,
    ship_method_id            integer        NOT NULL,
    credit_card_id            integer,
    credit_card_approval_code varchar(15),
    currency_rate_id          integer,
    sub_total                 numeric(19, 4) NOT NULL,
    tax_amt                   numeric(19, 4) NOT NULL,
    freight                   numeric(19, 4) NOT NULL,
    total_due                 numeric(19, 4) NOT NULL,
    comment                   varchar(128),
    rowguid                   uuid           NOT NULL,
    modified_date             timestamp      NOT NULL
);

CREATE TABLE sales_order_detail (
    sales_order_id          integer        NOT NULL,
    sales_order_detail_id   integer        NOT NULL,
    carrier_tracking_number varchar(25),
    order_qty               smallint       NOT NULL,
    product_id              integer        NOT NULL,
    special_offer_id        integer        NOT NULL,
    unit_price              numeric(19, 4) NOT NULL,
    unit_price_discount     numeric(19, 4) NOT NULL,
    line_total              numeric(38, 6) NOT NULL,
    rowguid                 uuid           NOT NULL,
    modified_date           timestamp      NOT NULL
);
