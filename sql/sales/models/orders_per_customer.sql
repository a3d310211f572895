-- Every customer with the number of orders, 0 if there is none. `full_name` is NULL where the customer has no person
-- or one that the persons lack, so that no order is lost for want of a name. In the order of the customers' ids, for
-- names are no key.
WITH counted AS (
    SELECT
        h.customer_id AS customer_id,
        COUNT(*)      AS orders
    FROM sales_order_header AS h
    GROUP BY h.customer_id
)
SELECT
    c.customer_id         AS customer_id,
    CASE
        WHEN p.business_entity_id IS NULL THEN NULL
        ELSE CONCAT_WS(' ', p.first_name, p.middle_name, p.last_name, p.suffix)
    END                   AS full_name,
    COALESCE(n.orders, 0) AS orders
FROM customer AS c
LEFT JOIN person AS p ON c.person_id = p.business_entity_id
LEFT JOIN counted AS n ON c.customer_id = n.customer_id
