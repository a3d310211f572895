-- Orders of September 2011 for more than 1,000, the largest first, equal ones in the order of their ids.
SELECT
    h.sales_order_id AS sales_order_id,
    h.order_date     AS order_date,
    h.total_due      AS total_due
FROM sales_order_header AS h
WHERE EXTRACT(YEAR FROM h.order_date) = 2011
  AND EXTRACT(MONTH FROM h.order_date) = 9
  AND h.total_due > 1000
ORDER BY h.total_due DESC, h.sales_order_id ASC
