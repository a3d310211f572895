-- Every book, the most lent first, of equal ones the lower ISBN; books that nobody borrowed included.
WITH lent AS (
    SELECT
        l.isbn                       AS isbn,
        COUNT(*)                     AS loans,
        SUM(l.fee)                   AS fees,
        CAST(MAX(l.lent_at) AS DATE) AS last_lent
    FROM loan AS l
    GROUP BY l.isbn
)
SELECT
    b.isbn               AS isbn,
    b.title              AS title,
    COALESCE(n.loans, 0) AS loans,
    n.fees               AS fees,
    n.last_lent          AS last_lent
FROM book AS b
LEFT JOIN lent AS n ON b.isbn = n.isbn
ORDER BY COALESCE(n.loans, 0) DESC, b.isbn ASC
