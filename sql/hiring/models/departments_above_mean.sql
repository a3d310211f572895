-- Departments that hired more in a year (UTC) than the mean of all departments, those that hired nobody included. The
-- most hires come first, of equal numbers the lower id. The comparison is one of whole numbers: no mean is rounded.
WITH hired AS (
    SELECT
        e.department_id AS department_id,
        COUNT(*)        AS hires
    FROM hired_employees AS e
    WHERE EXTRACT(YEAR FROM e.datetime) = :year
    GROUP BY e.department_id
),
counted AS (
    SELECT
        d.id                 AS id,
        d.department         AS department,
        COALESCE(n.hires, 0) AS hired
    FROM departments AS d
    LEFT JOIN hired AS n ON d.id = n.department_id
),
whole AS (
    SELECT
        SUM(c.hired) AS hired,
        COUNT(*)     AS departments
    FROM counted AS c
)
SELECT
    c.id         AS id,
    c.department AS department,
    c.hired      AS hired
FROM counted AS c
CROSS JOIN whole AS w
WHERE c.hired * w.departments > w.hired
ORDER BY c.hired DESC, c.id ASC
