-- For each number of days that products take to make, the three of which most pieces were sold. Of products that
-- sold equally well the one with the lower id comes first, so `place` names each row. A line counts if it was sold
-- under an offer for its product: offers are found by both of their keys.
WITH line AS (
    SELECT
        p.days_to_manufacture AS days_to_manufacture,
        p.product_id          AS product_id,
        p.name                AS name,
        d.order_qty           AS order_qty
    FROM sales_order_detail AS d
    INNER JOIN special_offer_product AS o
        ON d.special_offer_id = o.special_offer_id AND d.product_id = o.product_id
    INNER JOIN product AS p ON o.product_id = p.product_id
),
sold AS (
    SELECT
        l.days_to_manufacture AS days_to_manufacture,
        l.product_id          AS product_id,
        l.name                AS name,
        SUM(l.order_qty)      AS quantity
    FROM line AS l
    GROUP BY l.days_to_manufacture, l.product_id, l.name
),
placed AS (
    SELECT
        s.days_to_manufacture AS days_to_manufacture,
        ROW_NUMBER() OVER (PARTITION BY s.days_to_manufacture ORDER BY 0 - s.quantity, s.product_id) AS place,
        s.product_id          AS product_id,
        s.name                AS name,
        s.quantity            AS quantity
    FROM sold AS s
)
SELECT
    t.days_to_manufacture AS days_to_manufacture,
    t.place               AS place,
    t.product_id          AS product_id,
    t.name                AS name,
    t.quantity            AS quantity
FROM placed AS t
WHERE t.place <= 3
