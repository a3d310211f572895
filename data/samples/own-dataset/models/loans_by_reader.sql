-- Every loan with its reader's name and its book's title.
SELECT
    r.name    AS reader,
    b.title   AS title,
    l.lent_at AS lent_at,
    l.fee     AS fee,
    r.id      AS reader_id,
    l.id      AS loan_id
FROM loan AS l
INNER JOIN book AS b ON l.isbn = b.isbn
INNER JOIN reader AS r ON l.reader_id = r.id
