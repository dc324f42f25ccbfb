-- Keys in all their spellings; which rows they name is PostgreSQL's to say.
SELECT id FROM customers WHERE id = 7.0
SELECT id FROM customers WHERE id = 7.5
SELECT id FROM customers WHERE id = 1e1
SELECT id FROM customers WHERE id = ' 7 '
SELECT id FROM customers WHERE id = '+7'
SELECT id FROM customers WHERE id = '007'
SELECT id FROM customers WHERE id = 007
SELECT id FROM customers WHERE id = 7.4::bigint
SELECT id FROM customers WHERE id = '7'::int
SELECT id FROM customers WHERE id = 7::smallint
SELECT id FROM customers WHERE id = -9223372036854775808
SELECT id FROM customers WHERE id = - -7
SELECT id FROM customers WHERE id = -(-7)
SELECT id FROM customers WHERE id = 3 + 4
SELECT id FROM customers WHERE id IN (1, 2.5, 3) ORDER BY id
SELECT id FROM customers WHERE id IN (1, 2.0) ORDER BY id
SELECT id FROM customers WHERE id = ANY ('{1, 2,NULL}') ORDER BY id
SELECT id FROM customers WHERE id = ANY ('{"1", 2 }'::bigint[]) ORDER BY id
SELECT id FROM customers WHERE id = ANY (ARRAY[1, 2]::bigint[]) ORDER BY id
SELECT id FROM customers WHERE id = ALL (ARRAY[3, 3])
SELECT id FROM customers WHERE id OPERATOR(pg_catalog.=) 7
SELECT id FROM customers WHERE (id, v) = (7, 0)
SELECT id FROM customers WHERE (id, v) IN ((7, 0), (8, 1), (9, 2)) ORDER BY id
SELECT id FROM customers WHERE id IS NOT DISTINCT FROM 7
SELECT id FROM customers WHERE NOT id <> 7
SELECT id FROM customers WHERE (id = 7) IS TRUE
SELECT id FROM customers WHERE CASE WHEN id = 7 THEN true ELSE false END
SELECT id FROM customers WHERE id = 7 AND id = 8
SELECT id FROM customers WHERE id = 7 OR name = 'name 14' ORDER BY id
SELECT id FROM customers WHERE (id = 7 AND v = 0) OR (id = 8 AND v = 1) ORDER BY id
SELECT id FROM customers WHERE id = 7 OR false
SELECT id FROM customers WHERE coalesce(id, 0) = 7
SELECT id FROM customers WHERE id::text = '7'
SELECT id FROM customers WHERE id = (SELECT 7)
SELECT id FROM customers WHERE id > 7 AND id < 9
SELECT id FROM customers WHERE id = true
SELECT id FROM customers WHERE id = '7'::text
-- Names, aliases, quoting, comments.
SELECT "id" FROM "public"."customers" WHERE "id" = 7
SELECT c.id FROM customers AS "C", customers c WHERE c.id = 7 AND "C".id = c.id
SELECT customers.id FROM customers WHERE customers.id = 7
SELECT public.customers.id FROM public.customers WHERE public.customers.id = 7
SELECT k FROM customers AS c (k, n) WHERE k = 7
SELECT x.k FROM (SELECT id FROM customers) AS x (k) WHERE x.k = 7
SELECT id FROM ONLY customers WHERE id = 7
SELECT id FROM customers WHERE id = 7 -- AND id = 9
SELECT id FROM customers /* WHERE id = 9 */ WHERE /* a /* nested */ comment */ id = 7
SELECT id AS "limit", name AS "order" FROM customers ORDER BY "limit" LIMIT 2
SELECT U&'\0061' || name FROM customers WHERE id = 7
SELECT $a$ WHERE id = 9 $a$, id FROM customers WHERE id = 7
-- Sub-selects, WITH, LATERAL.
WITH a AS (SELECT id FROM customers WHERE id = 7), b AS (SELECT customer_id FROM orders WHERE customer_id = 7) SELECT count(*) FROM a JOIN b ON b.customer_id = a.id
WITH a AS (SELECT id, v FROM customers WHERE active) SELECT count(*), sum(v) FROM a
WITH a (k) AS (SELECT id FROM customers) SELECT k FROM a WHERE k IN (7, 8) ORDER BY k
WITH a AS (SELECT id FROM customers) SELECT x.id FROM a x JOIN a y ON y.id = x.id ORDER BY x.id LIMIT 5
WITH r AS (SELECT code FROM countries WHERE name LIKE 'A%') SELECT c.id FROM customers c JOIN r ON r.code = c.country ORDER BY c.id
SELECT c.id, x.total FROM customers c CROSS JOIN LATERAL (SELECT o.total FROM orders o WHERE o.customer_id = c.id ORDER BY o.total DESC, o.id LIMIT 1) x ORDER BY c.id
SELECT c.id, x.n FROM customers c LEFT JOIN LATERAL (SELECT count(*) AS n FROM orders o WHERE o.customer_id = c.id) x ON true ORDER BY c.id LIMIT 8
SELECT c.id, (SELECT count(*) FROM orders o WHERE o.customer_id = c.id) AS n FROM customers c ORDER BY n DESC, c.id LIMIT 8
SELECT c.id, ARRAY(SELECT o.id FROM orders o WHERE o.customer_id = c.id ORDER BY o.id) FROM customers c ORDER BY c.id LIMIT 8
SELECT c.id FROM customers c WHERE (SELECT count(*) FROM orders o WHERE o.customer_id = c.id) > 3 ORDER BY c.id
SELECT c.id FROM customers c WHERE c.v > ALL (SELECT o.total % 7 FROM orders o WHERE o.customer_id = c.id) ORDER BY c.id
SELECT c.id FROM customers c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id LIMIT 1) ORDER BY c.id LIMIT 8
SELECT c.id FROM customers c WHERE c.id IN (SELECT o.customer_id FROM orders o GROUP BY o.customer_id HAVING sum(o.total) > 150) ORDER BY c.id
SELECT s.customer_id, s.n FROM (SELECT customer_id, count(*) AS n FROM orders GROUP BY customer_id) s WHERE s.n > 3 ORDER BY s.n DESC, s.customer_id
SELECT avg(s.n) FROM (SELECT customer_id, count(*) AS n FROM orders GROUP BY customer_id) s
SELECT c.country, sum(s.t) FROM customers c JOIN (SELECT customer_id, sum(total) AS t FROM orders GROUP BY 1) s ON s.customer_id = c.id GROUP BY c.country ORDER BY c.country
SELECT s.customer_id, s.r FROM (SELECT customer_id, id, rank() OVER (PARTITION BY customer_id ORDER BY total, id) AS r FROM orders) s WHERE s.r = 1 ORDER BY s.customer_id
SELECT x.* FROM (VALUES (1, 'a'), (2, 'b')) AS x (n, t) ORDER BY n
SELECT c.id, x.n FROM customers c, (VALUES (1), (2)) AS x (n) WHERE c.id < 4 ORDER BY 1, 2
SELECT c.id, g FROM customers c, generate_series(1, 2) g WHERE c.id < 4 ORDER BY 1, 2
SELECT c.id FROM customers c JOIN orders o USING (country) WHERE c.id = 7 AND o.customer_id = 7 ORDER BY o.id
SELECT count(*) FROM orders a JOIN orders b USING (customer_id) WHERE a.id < b.id
SELECT count(*) FROM orders a NATURAL JOIN orders b
SELECT count(*) FROM customers c FULL JOIN orders o ON o.customer_id = c.id WHERE c.id = 7 AND o.customer_id = 7
SELECT r.name, c.id FROM customers c RIGHT JOIN countries r ON r.code = c.country AND c.id = 7 WHERE c.id = 7
SELECT o.id FROM countries r JOIN (customers c JOIN orders o ON o.customer_id = c.id) ON r.code = o.country ORDER BY o.customer_id, o.id LIMIT 9
SELECT (SELECT name FROM countries WHERE code = c.country), c.id FROM customers c ORDER BY c.id LIMIT 9
-- Order, limits, groups at their edges.
SELECT id FROM customers ORDER BY v DESC NULLS LAST, score NULLS FIRST, id OFFSET 10 LIMIT 5
SELECT id FROM customers ORDER BY -id LIMIT 3
SELECT id FROM customers ORDER BY id % 7, id DESC LIMIT 9
SELECT id FROM customers ORDER BY (SELECT count(*) FROM orders o WHERE o.customer_id = customers.id) DESC, id LIMIT 6
SELECT id, at FROM customers ORDER BY at::date DESC, id LIMIT 9
SELECT name AS country, id FROM customers ORDER BY country, id LIMIT 9
SELECT DISTINCT note FROM customers ORDER BY note NULLS FIRST
SELECT DISTINCT score FROM customers ORDER BY score LIMIT 5 OFFSET 2
SELECT DISTINCT country, v % 2 FROM customers ORDER BY 2, 1
SELECT DISTINCT customer_id FROM orders ORDER BY customer_id LIMIT 9
SELECT ALL id FROM customers ORDER BY id LIMIT 2
SELECT count(*) FROM customers WHERE false
SELECT sum(v), avg(v), min(v), max(v), count(*) FROM customers WHERE false
SELECT country, count(*) FROM customers WHERE false GROUP BY country
SELECT bool_and(active), bool_or(active), every(active) FROM customers WHERE false
SELECT sum(v)::text FROM customers WHERE id = 7
SELECT min(score), max(score), avg(score), sum(score) FROM customers
SELECT avg(total) FILTER (WHERE total > 50) AS a, count(*) FILTER (WHERE total > 50) AS n FROM orders
SELECT country, avg(total) AS a FROM orders GROUP BY country ORDER BY a DESC NULLS LAST, country LIMIT 3
SELECT country, count(*) FROM orders GROUP BY country ORDER BY count(*) DESC, country OFFSET 1
SELECT count(*) FROM orders GROUP BY country ORDER BY 1 DESC LIMIT 2
SELECT country FROM orders GROUP BY country, v(total)
SELECT born > '1980-01-01' AS young, count(*) FROM customers GROUP BY young ORDER BY young
SELECT date_trunc('day', at) AS d, count(*) FROM customers GROUP BY d ORDER BY d
SELECT count(DISTINCT total) FROM orders WHERE customer_id = 9
SELECT min(country COLLATE "C"), max(country COLLATE "C") FROM customers
SELECT sum(total) + 1 FROM orders WHERE customer_id = 9
SELECT customer_id, string_agg(note, ',' ORDER BY id), array_agg(total ORDER BY id) FROM orders GROUP BY customer_id ORDER BY customer_id LIMIT 4
SELECT customer_id, count(*) * 2 AS twice FROM orders GROUP BY customer_id ORDER BY twice DESC, customer_id LIMIT 4
SELECT 5 AS five, count(*) FROM customers
SELECT 'x' AS t, id FROM customers ORDER BY t, id LIMIT 3
SELECT id FROM customers GROUP BY id ORDER BY id LIMIT 4
SELECT c.id, c.name, count(o.id) FROM customers c LEFT JOIN orders o ON o.customer_id = c.id GROUP BY c.id ORDER BY c.id LIMIT 6
SELECT c.id, count(*) FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY 1 HAVING count(*) > 3 ORDER BY 2 DESC, 1
-- Settings that change how values are written.
SET datestyle = 'German'
SELECT id, born FROM customers WHERE id = 7
SET datestyle = 'ISO, MDY'
SET timezone = 'Asia/Tokyo'
SELECT id, at::timestamptz AS z FROM customers ORDER BY z, id LIMIT 4
RESET timezone
SET extra_float_digits = 0
SELECT id, score::float8 AS f FROM customers ORDER BY f, id LIMIT 6
RESET extra_float_digits
SET LOCAL work_mem = '5MB'
BEGIN
SET LOCAL work_mem = '5MB'
SHOW work_mem
COMMIT
SHOW work_mem
BEGIN
SAVEPOINT a
SET work_mem = '6MB'
ROLLBACK TO a
SHOW work_mem
COMMIT
SHOW work_mem
SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY
UPDATE customers SET v = 1 WHERE id = 7
SHOW default_transaction_read_only
SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE
BEGIN ISOLATION LEVEL SERIALIZABLE
SELECT id FROM customers WHERE id = 7
SHOW transaction_isolation
COMMIT
BEGIN READ ONLY
UPDATE customers SET v = 1 WHERE id = 7
ROLLBACK
-- Locks.
BEGIN
SELECT id FROM customers WHERE id = 7 FOR UPDATE OF customers
SELECT * FROM countries WHERE code = 'at' FOR UPDATE
SELECT c.id FROM customers c JOIN countries r ON r.code = c.country WHERE c.id = 7 FOR SHARE OF c
SELECT id FROM customers WHERE v = 3 FOR UPDATE
COMMIT
-- EXPLAIN ANALYZE does what it explains.
BEGIN
INSERT INTO customers(id, name) VALUES (700, 'x')
ROLLBACK
SELECT count(*) FROM customers WHERE id = 700
-- Cursors in a transaction.
BEGIN
DECLARE c CURSOR FOR SELECT id, total FROM orders WHERE customer_id = 9 ORDER BY id
FETCH 1 FROM c
FETCH FORWARD 2 FROM c
MOVE 1 IN c
CLOSE c
COMMIT
-- Functions and aggregates that users made.
SELECT pure(5)
SELECT id, pure(v) FROM customers WHERE id = 7
SELECT sum(pure(v)) FROM customers
SELECT id FROM customers WHERE pure(v) = 3 ORDER BY id
SELECT product(v) FROM customers WHERE id = 7
SELECT customer_id, product(total) FROM orders WHERE customer_id = 9 GROUP BY customer_id
SELECT mark(id) FROM customers WHERE id = 7
SELECT v FROM customers WHERE id = 7
SELECT reverse(name), initcap(name), strpos(name, 'm') FROM customers WHERE id = 7
SELECT no_such_function(id) FROM customers WHERE id = 7
-- Statements prepared in SQL.
PREPARE one(bigint) AS SELECT id, name FROM customers WHERE id = $1
EXECUTE one(7)
EXECUTE one('8')
PREPARE many AS SELECT id, v FROM customers WHERE v > $1 ORDER BY id LIMIT 5
EXECUTE many(3)
EXECUTE many(NULL)
PREPARE pair AS SELECT count(*), sum(total) FROM orders WHERE customer_id IN ($1, $2)
EXECUTE pair(8, 9)
PREPARE add(bigint, text) AS INSERT INTO customers(id, name) VALUES ($1, $2) RETURNING id, name
EXECUTE add(710, 'it''s')
EXECUTE add(710, 'again')
PREPARE raise_all AS UPDATE customers SET v = v + $1 WHERE country = $2
EXECUTE raise_all(1, 'de')
PREPARE named AS SELECT name FROM countries WHERE code = $1
EXECUTE named('at')
PREPARE three AS INSERT INTO customers(id, name) VALUES ($1, 'a'), ($2, 'b'), ($3, 'c')
EXECUTE three(711, 712, 713)
SELECT id, name FROM customers WHERE id > 700 ORDER BY id
DEALLOCATE one
EXECUTE one(7)
DEALLOCATE ALL
EXECUTE pair(8, 9)
-- Schema changes and what they mean for statements that name no columns.
ALTER TABLE customers ADD COLUMN extra int DEFAULT 5
SELECT sum(extra) FROM customers
INSERT INTO customers VALUES (701, 'all', 'at', 1, 2.5, '1999-01-01', true, '2024-01-01', 'n', 6)
INSERT INTO customers VALUES (702, 'few')
DROP FUNCTION peek(), mark(bigint)
ALTER TABLE customers DROP COLUMN name
INSERT INTO customers VALUES (703, 'de', 1)
INSERT INTO customers VALUES (704), (705), (706), (707) RETURNING id
INSERT INTO customers AS c VALUES (701, 'fr') ON CONFLICT (id) DO UPDATE SET country = excluded.country
SELECT * FROM customers WHERE id > 700 ORDER BY id
CREATE TABLE IF NOT EXISTS customers (id bigint)
ALTER TABLE customers ADD COLUMN IF NOT EXISTS extra int
CREATE INDEX IF NOT EXISTS customers_v ON customers (v)
CREATE UNIQUE INDEX customers_unique ON customers (id, v)
ALTER TABLE orders ADD CONSTRAINT of_customer FOREIGN KEY (customer_id) REFERENCES customers (id)
INSERT INTO orders(customer_id, id) VALUES (99999, 1)
ALTER TABLE orders DROP CONSTRAINT of_customer
DROP INDEX customers_unique
COMMENT ON COLUMN customers.v IS 'value'
-- Writes whose values are each row's own.
UPDATE customers SET note = 'big' WHERE id > 50 AND EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = customers.id)
UPDATE customers c SET v = s.n FROM (SELECT customer_id, count(*) AS n FROM orders GROUP BY customer_id) s WHERE s.customer_id = c.id
UPDATE customers SET (v, note) = (1, 'two') WHERE id IN (3, 4, 5)
UPDATE customers SET note = (SELECT name FROM countries WHERE code = country)
DELETE FROM orders o USING customers c WHERE c.id = o.customer_id AND c.v > 4
DELETE FROM customers WHERE id = ANY ('{11, 12, 13}')
INSERT INTO orders(customer_id, id, total) SELECT id, 900, v FROM customers WHERE v > 2
INSERT INTO customers(id, v) VALUES (-5, 1), (0, 2), (9223372036854775807, 3), (-9223372036854775808, 4)
SELECT id, v FROM customers WHERE id IN (-5, 0, 9223372036854775807, -9223372036854775808) ORDER BY id
INSERT INTO customers(id) VALUES ('801'), (' 802 '), (803::smallint), (CAST('804' AS bigint))
SELECT id FROM customers WHERE id BETWEEN 801 AND 804 ORDER BY id
-- UPDATE of the key: on the same shard, and of rows that go to another.
UPDATE customers SET id = 1000 WHERE id = 4
UPDATE customers SET id = 1005, v = v + 1 WHERE id = 6
UPDATE customers SET id = 1003 WHERE id = 8 RETURNING id, name
UPDATE customers SET id = 1004 WHERE id IN (9, 15) AND id < 10
UPDATE customers SET id = 1001 WHERE id = 12
UPDATE customers AS c SET id = 1002 WHERE c.id = 16 AND c.v >= 0
UPDATE ONLY public.customers SET "id" = '1007'::bigint WHERE id = 13 -- a comment
UPDATE customers SET id = 1009 FROM countries r WHERE customers.id = 14 AND r.code = 'at' AND customers.v < 100;
UPDATE customers SET id = 1010 WHERE id = 2000000
UPDATE customers SET id = 1010 WHERE id = 17 AND v > 1000000
UPDATE customers SET id = 18 WHERE id = 20
SELECT * FROM customers WHERE id >= 1000 ORDER BY id
UPDATE orders SET customer_id = 1000 WHERE customer_id = 11
UPDATE orders SET customer_id = 1001 WHERE customer_id = 17 AND id > 2
SELECT * FROM orders WHERE customer_id >= 1000 ORDER BY customer_id, id
BEGIN
UPDATE customers SET id = 1011 WHERE id = 22
SELECT * FROM customers WHERE id IN (22, 1011)
UPDATE customers SET id = 1012 WHERE id = 1011
SAVEPOINT a
UPDATE customers SET id = 1013 WHERE id = 1012
UPDATE customers SET id = 1 WHERE id = 1013
ROLLBACK TO a
UPDATE customers SET id = 1014 WHERE id = 1012
COMMIT
SELECT * FROM customers WHERE id >= 1000 ORDER BY id
BEGIN
UPDATE customers SET id = 1015 WHERE id = 25
ROLLBACK
SELECT id FROM customers WHERE id IN (25, 1015)
PREPARE rename AS UPDATE customers SET id = $2 WHERE id = $1 AND v >= $3
EXECUTE rename(28, 1017, 0)
EXECUTE rename(28, 1018, 0)
EXECUTE rename('29', '1019', '0')
DEALLOCATE rename
SELECT * FROM customers WHERE id >= 1000 ORDER BY id
