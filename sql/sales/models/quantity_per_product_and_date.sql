-- How many pieces of each product were ordered on each day that it was ordered. By product, then by day.
WITH line AS (
    SELECT
        p.product_id               AS product_id,
        p.name                     AS name,
        CAST(h.order_date AS DATE) AS order_date,
        d.order_qty                AS order_qty
    FROM sales_order_detail AS d
    INNER JOIN sales_order_header AS h ON d.sales_order_id = h.sales_order_id
    INNER JOIN product AS p ON d.product_id = p.product_id
)
SELECT
    l.product_id     AS product_id,
    l.name           AS name,
    l.order_date     AS order_date,
    SUM(l.order_qty) AS quantity
FROM line AS l
GROUP BY l.product_id, l.name, l.order_date
