-- Orders of at least three lines, and how many they have. In the order of their ids.
SELECT
    d.sales_order_id AS sales_order_id,
    COUNT(*)         AS lines
FROM sales_order_detail AS d
GROUP BY d.sales_order_id
HAVING COUNT(*) >= 3
