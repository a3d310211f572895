-- How many were hired in each quarter of a year (UTC), by department and job, for those that hired in that year. Ordered
-- by department and job; departments or jobs that share a name are one.
WITH hired AS (
    SELECT
        d.department                     AS department,
        j.job                            AS job,
        EXTRACT(QUARTER FROM e.datetime) AS quarter
    FROM hired_employees AS e
    INNER JOIN departments AS d ON e.department_id = d.id
    INNER JOIN jobs AS j ON e.job_id = j.id
    WHERE EXTRACT(YEAR FROM e.datetime) = :year
)
SELECT
    h.department                          AS department,
    h.job                                 AS job,
    COUNT(*) FILTER (WHERE h.quarter = 1) AS q1,
    COUNT(*) FILTER (WHERE h.quarter = 2) AS q2,
    COUNT(*) FILTER (WHERE h.quarter = 3) AS q3,
    COUNT(*) FILTER (WHERE h.quarter = 4) AS q4
FROM hired AS h
GROUP BY h.department, h.job
