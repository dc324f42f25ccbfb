-- Statements whose answers through four shards are those of one PostgreSQL; one a line, in order.
-- One key: the statement travels as it is.
SELECT * FROM customers WHERE id = 7
SELECT * FROM customers WHERE id = '7'
SELECT * FROM customers WHERE id = 7::bigint
SELECT * FROM customers WHERE id = (7)
SELECT * FROM customers WHERE id = CAST(7 AS bigint)
SELECT * FROM customers WHERE id = +7
SELECT id, name FROM customers WHERE 7 = id
SELECT id FROM public.customers WHERE id = 7 AND country = 'at'
SELECT id FROM customers WHERE id = 7 AND false
SELECT c.name FROM customers c WHERE c.id = 12
SELECT c.name AS "Name" FROM customers AS c WHERE c."id" = 12
SELECT id FROM customers WHERE id = 1000000
SELECT id FROM customers WHERE id = NULL
SELECT id FROM customers WHERE id = -3
SELECT * FROM orders WHERE customer_id = 9 ORDER BY id
SELECT count(*), sum(total) FROM orders WHERE customer_id = 9
SELECT id FROM orders WHERE customer_id = 9 ORDER BY total DESC, id LIMIT 3
SELECT string_agg(note, ',' ORDER BY id) FROM orders WHERE customer_id = 9
SELECT array_agg(id ORDER BY id) FROM orders WHERE customer_id = 9
SELECT id, row_number() OVER (ORDER BY total, id) FROM orders WHERE customer_id = 9 ORDER BY id
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY total) FROM orders WHERE customer_id = 9
SELECT stddev(total) IS NOT NULL FROM orders WHERE customer_id = 9
SELECT country, count(*) FROM orders WHERE customer_id = 9 GROUP BY ROLLUP (country) ORDER BY 1 NULLS LAST, 2
SELECT json_agg(id ORDER BY id) FROM orders WHERE customer_id = 9
WITH o AS (SELECT * FROM orders WHERE customer_id = 9) SELECT count(*) FROM o
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT sum(i) FROM n
SELECT id FROM customers WHERE id = 7 UNION SELECT customer_id FROM orders WHERE customer_id = 7
SELECT id FROM customers WHERE id = 7 INTERSECT SELECT customer_id FROM orders WHERE customer_id = 7
SELECT id FROM customers WHERE id = 7 EXCEPT SELECT customer_id FROM orders WHERE customer_id = 7
SELECT (SELECT max(total) FROM orders o WHERE o.customer_id = c.id) FROM customers c WHERE c.id = 7
SELECT EXISTS (SELECT 1 FROM orders WHERE customer_id = 7)
SELECT * FROM customers WHERE id = 7 FOR UPDATE
SELECT * FROM customers WHERE id = 7 FOR SHARE
SELECT id FROM customers WHERE id = 7 OFFSET 1
SELECT id FROM customers WHERE id = 7 FETCH FIRST 1 ROW ONLY
SELECT DISTINCT ON (country) country, id FROM orders WHERE customer_id = 9 ORDER BY country, id
TABLE countries
SELECT upper(name) || '!' FROM customers WHERE id = 5
SELECT /* a comment */ name   FROM customers WHERE id = 5
SELECT E'a\\n' || name FROM customers WHERE id = 5
SELECT $$it's$$ || name FROM customers WHERE id = 5
SELECT name FROM customers WHERE id = 5 AND name = 'no''body'
-- Several keys.
SELECT id, name FROM customers WHERE id IN (1, 2, 3) ORDER BY id
SELECT count(*) FROM customers WHERE id IN (1, 2, 3)
SELECT id, name FROM customers WHERE id IN (1) ORDER BY id
SELECT count(*) FROM customers WHERE id IN (1)
SELECT id, name FROM customers WHERE id = 1 OR id = 2 ORDER BY id
SELECT count(*) FROM customers WHERE id = 1 OR id = 2
SELECT id, name FROM customers WHERE id = ANY ('{3,4,5}') ORDER BY id
SELECT count(*) FROM customers WHERE id = ANY ('{3,4,5}')
SELECT id, name FROM customers WHERE id = ANY (ARRAY[3, 4, 5]) ORDER BY id
SELECT count(*) FROM customers WHERE id = ANY (ARRAY[3, 4, 5])
SELECT id, name FROM customers WHERE id IN (1, 2) AND country = 'at' ORDER BY id
SELECT count(*) FROM customers WHERE id IN (1, 2) AND country = 'at'
SELECT id, name FROM customers WHERE id IN (4, 4, 4) ORDER BY id
SELECT count(*) FROM customers WHERE id IN (4, 4, 4)
SELECT id, name FROM customers WHERE (id = 1 OR id = 2) AND active ORDER BY id
SELECT count(*) FROM customers WHERE (id = 1 OR id = 2) AND active
SELECT id, name FROM customers WHERE id IN (1, NULL) ORDER BY id
SELECT count(*) FROM customers WHERE id IN (1, NULL)
SELECT id, name FROM customers WHERE id = ANY ('{}') ORDER BY id
SELECT count(*) FROM customers WHERE id = ANY ('{}')
SELECT c.id, o.id FROM customers c JOIN orders o ON o.customer_id = c.id WHERE c.id IN (3, 8, 11) ORDER BY 1, 2
SELECT o.id FROM orders o WHERE o.customer_id IN (3, 8, 11) ORDER BY o.total DESC, o.id LIMIT 4
SELECT country, sum(total) FROM orders WHERE customer_id IN (3, 8, 11, 12, 13) GROUP BY country ORDER BY country
-- No key: every shard is asked and the answers are merged.
SELECT id FROM customers WHERE true
SELECT id, score FROM customers WHERE true ORDER BY score DESC, id LIMIT 7
SELECT count(*), sum(v), min(score), max(score) FROM customers WHERE true
SELECT country, count(*) FROM customers WHERE true GROUP BY country ORDER BY country
SELECT DISTINCT country FROM customers WHERE true ORDER BY country
SELECT id FROM customers WHERE active
SELECT id, score FROM customers WHERE active ORDER BY score DESC, id LIMIT 7
SELECT count(*), sum(v), min(score), max(score) FROM customers WHERE active
SELECT country, count(*) FROM customers WHERE active GROUP BY country ORDER BY country
SELECT DISTINCT country FROM customers WHERE active ORDER BY country
SELECT id FROM customers WHERE score > 10
SELECT id, score FROM customers WHERE score > 10 ORDER BY score DESC, id LIMIT 7
SELECT count(*), sum(v), min(score), max(score) FROM customers WHERE score > 10
SELECT country, count(*) FROM customers WHERE score > 10 GROUP BY country ORDER BY country
SELECT DISTINCT country FROM customers WHERE score > 10 ORDER BY country
SELECT id FROM customers WHERE country = 'de'
SELECT id, score FROM customers WHERE country = 'de' ORDER BY score DESC, id LIMIT 7
SELECT count(*), sum(v), min(score), max(score) FROM customers WHERE country = 'de'
SELECT country, count(*) FROM customers WHERE country = 'de' GROUP BY country ORDER BY country
SELECT DISTINCT country FROM customers WHERE country = 'de' ORDER BY country
SELECT id FROM customers WHERE born < '1980-01-01'
SELECT id, score FROM customers WHERE born < '1980-01-01' ORDER BY score DESC, id LIMIT 7
SELECT count(*), sum(v), min(score), max(score) FROM customers WHERE born < '1980-01-01'
SELECT country, count(*) FROM customers WHERE born < '1980-01-01' GROUP BY country ORDER BY country
SELECT DISTINCT country FROM customers WHERE born < '1980-01-01' ORDER BY country
SELECT id FROM customers WHERE note IS NULL
SELECT id, score FROM customers WHERE note IS NULL ORDER BY score DESC, id LIMIT 7
SELECT count(*), sum(v), min(score), max(score) FROM customers WHERE note IS NULL
SELECT country, count(*) FROM customers WHERE note IS NULL GROUP BY country ORDER BY country
SELECT DISTINCT country FROM customers WHERE note IS NULL ORDER BY country
SELECT id FROM customers WHERE name LIKE '%1%'
SELECT id, score FROM customers WHERE name LIKE '%1%' ORDER BY score DESC, id LIMIT 7
SELECT count(*), sum(v), min(score), max(score) FROM customers WHERE name LIKE '%1%'
SELECT country, count(*) FROM customers WHERE name LIKE '%1%' GROUP BY country ORDER BY country
SELECT DISTINCT country FROM customers WHERE name LIKE '%1%' ORDER BY country
SELECT id FROM customers WHERE v BETWEEN 2 AND 4
SELECT id, score FROM customers WHERE v BETWEEN 2 AND 4 ORDER BY score DESC, id LIMIT 7
SELECT count(*), sum(v), min(score), max(score) FROM customers WHERE v BETWEEN 2 AND 4
SELECT country, count(*) FROM customers WHERE v BETWEEN 2 AND 4 GROUP BY country ORDER BY country
SELECT DISTINCT country FROM customers WHERE v BETWEEN 2 AND 4 ORDER BY country
SELECT id, name, note FROM customers ORDER BY id
SELECT id, name FROM customers ORDER BY id LIMIT 5 OFFSET 3
SELECT id, name, note FROM customers ORDER BY id DESC
SELECT id, name FROM customers ORDER BY id DESC LIMIT 5 OFFSET 3
SELECT id, name, note FROM customers ORDER BY name, id
SELECT id, name FROM customers ORDER BY name, id LIMIT 5 OFFSET 3
SELECT id, name, note FROM customers ORDER BY name DESC, id
SELECT id, name FROM customers ORDER BY name DESC, id LIMIT 5 OFFSET 3
SELECT id, name, note FROM customers ORDER BY note NULLS FIRST, id
SELECT id, name FROM customers ORDER BY note NULLS FIRST, id LIMIT 5 OFFSET 3
SELECT id, name, note FROM customers ORDER BY note NULLS LAST, id DESC
SELECT id, name FROM customers ORDER BY note NULLS LAST, id DESC LIMIT 5 OFFSET 3
SELECT id, name, note FROM customers ORDER BY note DESC NULLS FIRST, id
SELECT id, name FROM customers ORDER BY note DESC NULLS FIRST, id LIMIT 5 OFFSET 3
SELECT id, name, note FROM customers ORDER BY score, id
SELECT id, name FROM customers ORDER BY score, id LIMIT 5 OFFSET 3
SELECT id, name, note FROM customers ORDER BY born DESC, id
SELECT id, name FROM customers ORDER BY born DESC, id LIMIT 5 OFFSET 3
SELECT id, name, note FROM customers ORDER BY active, id
SELECT id, name FROM customers ORDER BY active, id LIMIT 5 OFFSET 3
SELECT id, name, note FROM customers ORDER BY at, id
SELECT id, name FROM customers ORDER BY at, id LIMIT 5 OFFSET 3
SELECT id, name, note FROM customers ORDER BY 2, 1
SELECT id, name FROM customers ORDER BY 2, 1 LIMIT 5 OFFSET 3
SELECT id, name, note FROM customers ORDER BY country COLLATE "C", id
SELECT id, name FROM customers ORDER BY country COLLATE "C", id LIMIT 5 OFFSET 3
SELECT id, name, note FROM customers ORDER BY v, country, id
SELECT id, name FROM customers ORDER BY v, country, id LIMIT 5 OFFSET 3
SELECT count(*) FROM customers
SELECT country, count(*) AS x FROM customers GROUP BY country ORDER BY country
SELECT count(note) FROM customers
SELECT country, count(note) AS x FROM customers GROUP BY country ORDER BY country
SELECT sum(v) FROM customers
SELECT country, sum(v) AS x FROM customers GROUP BY country ORDER BY country
SELECT sum(score) FROM customers
SELECT country, sum(score) AS x FROM customers GROUP BY country ORDER BY country
SELECT avg(v) FROM customers
SELECT country, avg(v) AS x FROM customers GROUP BY country ORDER BY country
SELECT avg(score) FROM customers
SELECT country, avg(score) AS x FROM customers GROUP BY country ORDER BY country
SELECT min(name) FROM customers
SELECT country, min(name) AS x FROM customers GROUP BY country ORDER BY country
SELECT max(name) FROM customers
SELECT country, max(name) AS x FROM customers GROUP BY country ORDER BY country
SELECT min(born) FROM customers
SELECT country, min(born) AS x FROM customers GROUP BY country ORDER BY country
SELECT max(at) FROM customers
SELECT country, max(at) AS x FROM customers GROUP BY country ORDER BY country
SELECT bool_and(active) FROM customers
SELECT country, bool_and(active) AS x FROM customers GROUP BY country ORDER BY country
SELECT bool_or(active) FROM customers
SELECT country, bool_or(active) AS x FROM customers GROUP BY country ORDER BY country
SELECT every(active) FROM customers
SELECT country, every(active) AS x FROM customers GROUP BY country ORDER BY country
SELECT min(score) FROM customers
SELECT country, min(score) AS x FROM customers GROUP BY country ORDER BY country
SELECT count(*) FILTER (WHERE active) FROM customers
SELECT country, count(*) FILTER (WHERE active) AS x FROM customers GROUP BY country ORDER BY country
SELECT sum(v) FILTER (WHERE v > 2) FROM customers
SELECT country, sum(v) FILTER (WHERE v > 2) AS x FROM customers GROUP BY country ORDER BY country
SELECT id FROM customers ORDER BY id LIMIT 0
SELECT id FROM customers ORDER BY id LIMIT 1
SELECT id FROM customers ORDER BY id LIMIT ALL
SELECT id FROM customers ORDER BY id LIMIT NULL
SELECT id FROM customers ORDER BY id OFFSET 55
SELECT id FROM customers ORDER BY id LIMIT 3 OFFSET 58
SELECT id FROM customers ORDER BY id LIMIT 100
SELECT id FROM customers ORDER BY id FETCH FIRST 4 ROWS ONLY
SELECT id FROM customers ORDER BY id OFFSET 2 ROWS FETCH NEXT 2 ROWS ONLY
SELECT country, active, count(*) FROM customers GROUP BY country, active ORDER BY 1, 2
SELECT country, active, count(*) FROM customers GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2
SELECT v % 2 AS odd, count(*) FROM customers GROUP BY v % 2 ORDER BY odd
SELECT country FROM customers GROUP BY country ORDER BY country
SELECT lower(name) FROM customers ORDER BY id LIMIT 5
SELECT id + 1 AS next FROM customers ORDER BY next LIMIT 5
SELECT id FROM customers WHERE id > 50 ORDER BY 1
SELECT id FROM customers WHERE NOT (id = 5) ORDER BY 1 LIMIT 6
SELECT id FROM customers WHERE id <> 5 ORDER BY 1 LIMIT 6
SELECT id FROM customers WHERE id BETWEEN 5 AND 9 ORDER BY 1
SELECT CASE WHEN active THEN 'yes' ELSE 'no' END AS a, count(*) FROM customers GROUP BY 1 ORDER BY 1
SELECT extract(year FROM born) AS y, count(*) FROM customers GROUP BY 1 ORDER BY 1
SELECT count(*) AS n, country FROM customers GROUP BY country ORDER BY n DESC, country LIMIT 2
SELECT DISTINCT v FROM customers ORDER BY v DESC LIMIT 2
SELECT DISTINCT country, active FROM customers ORDER BY 1, 2
SELECT sum(total) FROM orders
SELECT customer_id, count(*) FROM orders GROUP BY customer_id ORDER BY customer_id
SELECT customer_id, count(*) AS n FROM orders GROUP BY customer_id ORDER BY n DESC, customer_id LIMIT 5
SELECT customer_id FROM orders GROUP BY customer_id HAVING count(*) > 4 ORDER BY customer_id
SELECT id, v * 2 AS twice FROM customers WHERE v > 3 ORDER BY twice, id
SELECT id, length(name) FROM customers ORDER BY length(name), id LIMIT 9
SELECT country, min(id), max(id) FROM customers GROUP BY country ORDER BY max(id)
SELECT active, sum(score) FROM customers GROUP BY active ORDER BY active NULLS LAST
SELECT born, count(*) FROM customers GROUP BY born ORDER BY born
SELECT sum(total), count(*) FROM orders WHERE total % 2 = 0
SELECT note, count(*), avg(total) FROM orders GROUP BY note ORDER BY note
SELECT id FROM customers WHERE name = 'name 7' OR name = 'name 14' ORDER BY id
SELECT at FROM customers ORDER BY at DESC LIMIT 4
SELECT count(*) FROM orders WHERE country IS NULL
SELECT DISTINCT total FROM orders WHERE total < 30 ORDER BY total
SELECT max(born), min(born) FROM customers WHERE active
SELECT * FROM customers ORDER BY id
SELECT * FROM customers ORDER BY name DESC, id LIMIT 12
SELECT * FROM orders ORDER BY total, customer_id, id LIMIT 15 OFFSET 4
SELECT c.*, o.total FROM customers c JOIN orders o ON o.customer_id = c.id ORDER BY o.total DESC, o.id, c.id LIMIT 9
SELECT c.*, r.* FROM customers c JOIN countries r ON r.code = c.country ORDER BY r.name, c.id
-- Joins on the key, and with reference tables.
SELECT c.id, o.id FROM customers c JOIN orders o ON o.customer_id = c.id ORDER BY 1, 2 NULLS FIRST LIMIT 20
SELECT count(*), sum(o.total) FROM customers c JOIN orders o ON o.customer_id = c.id
SELECT c.country, count(o.id) FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY c.country ORDER BY c.country
SELECT c.id, o.id FROM customers c LEFT JOIN orders o ON o.customer_id = c.id AND o.total > 60 ORDER BY 1, 2 NULLS FIRST LIMIT 20
SELECT count(*), sum(o.total) FROM customers c LEFT JOIN orders o ON o.customer_id = c.id AND o.total > 60
SELECT c.country, count(o.id) FROM customers c LEFT JOIN orders o ON o.customer_id = c.id AND o.total > 60 GROUP BY c.country ORDER BY c.country
SELECT c.id, o.id FROM orders o JOIN customers c ON c.id = o.customer_id ORDER BY 1, 2 NULLS FIRST LIMIT 20
SELECT count(*), sum(o.total) FROM orders o JOIN customers c ON c.id = o.customer_id
SELECT c.country, count(o.id) FROM orders o JOIN customers c ON c.id = o.customer_id GROUP BY c.country ORDER BY c.country
SELECT c.id, o.id FROM customers c, orders o WHERE o.customer_id = c.id AND c.active ORDER BY 1, 2 NULLS FIRST LIMIT 20
SELECT count(*), sum(o.total) FROM customers c, orders o WHERE o.customer_id = c.id AND c.active
SELECT c.country, count(o.id) FROM customers c, orders o WHERE o.customer_id = c.id AND c.active GROUP BY c.country ORDER BY c.country
SELECT c.id, r.name FROM customers c JOIN countries r ON r.code = c.country ORDER BY c.id
SELECT r.name, count(*) FROM customers c JOIN countries r ON r.code = c.country GROUP BY r.name ORDER BY r.name NULLS LAST
SELECT c.id, r.name FROM countries r JOIN customers c ON r.code = c.country ORDER BY c.id
SELECT r.name, count(*) FROM countries r JOIN customers c ON r.code = c.country GROUP BY r.name ORDER BY r.name NULLS LAST
SELECT c.id, r.name FROM customers c LEFT JOIN countries r ON r.code = c.country ORDER BY c.id
SELECT r.name, count(*) FROM customers c LEFT JOIN countries r ON r.code = c.country GROUP BY r.name ORDER BY r.name NULLS LAST
SELECT * FROM countries ORDER BY code
SELECT count(*) FROM countries
SELECT name FROM countries WHERE code = 'at'
SELECT c.id FROM customers c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id AND o.total > 95) ORDER BY c.id
SELECT c.id FROM customers c WHERE NOT EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id AND o.total > 40) ORDER BY c.id
SELECT c.id FROM customers c WHERE c.id IN (SELECT customer_id FROM orders WHERE total > 95) ORDER BY c.id
SELECT c.id FROM customers c WHERE c.country IN (SELECT code FROM countries WHERE name LIKE '%a') ORDER BY c.id
SELECT r.code, (SELECT 1) FROM countries r ORDER BY 1
SELECT x.id FROM (SELECT * FROM customers WHERE active) x ORDER BY x.id LIMIT 5
-- What needs no table.
SELECT 1
SELECT 1 AS one, 'x'::text AS two, NULL AS three
SELECT 1 WHERE false
VALUES (1, 'a'), (2, 'b')
SELECT generate_series(1, 3)
SELECT current_setting('server_version_num')::int > 0
SELECT 0.1 + 0.2
SELECT '2024-02-30'::date
SELECT 1/0
SELECT no_such_function(1)
SELECT 'a' || 1
SELECT coalesce(NULL, 5)
SELECT current_user
SHOW standard_conforming_strings
SELECT 1; SELECT 2
SELECT now() = now()
-- Errors of PostgreSQL come through as they are.
SELECT no_such FROM customers WHERE id = 1
SELECT id FROM customers WHERE id = 1 AND no_such = 2
SELECT count(*) FROM customers WHERE no_such = 2
SELECT id/0 FROM customers WHERE id = 1
INSERT INTO customers(id, name) VALUES (1, 'again')
INSERT INTO customers(id, name) VALUES (900, NULL)
INSERT INTO customers(id, no_such) VALUES (901, 1)
UPDATE customers SET name = NULL WHERE id = 1
SELECT 'x'::int FROM customers WHERE id = 1
SELEC 1
-- Writes; what they leave is compared at the end.
INSERT INTO customers(id, name) VALUES (101, 'one')
INSERT INTO customers(id, name) VALUES (102, 'two'), (103, 'three'), (104, 'four')
INSERT INTO customers(name, id) VALUES ('five', 105) RETURNING id, name
INSERT INTO customers(id, name) VALUES (106, 'six'), (107, 'seven') RETURNING id
INSERT INTO customers(id, name, v) VALUES (108, 'eight', DEFAULT)
INSERT INTO customers(id, name) VALUES (101, 'again') ON CONFLICT (id) DO NOTHING
INSERT INTO customers(id, name) VALUES (101, 'again') ON CONFLICT (id) DO UPDATE SET name = excluded.name
INSERT INTO customers(id, name) VALUES (102, 'x'), (109, 'nine') ON CONFLICT DO NOTHING
INSERT INTO orders(customer_id, id, total) VALUES (101, 1, 10), (101, 2, 20), (102, 1, 30)
INSERT INTO orders(customer_id, id, total) SELECT customer_id, id + 100, total FROM orders WHERE customer_id = 101
UPDATE customers SET v = v + 1 WHERE id = 101
UPDATE customers SET v = v + 1 WHERE id IN (101, 102, 103)
UPDATE customers SET v = v + 1 WHERE country = 'de'
UPDATE customers SET v = 9 WHERE id = 102 RETURNING id, v
UPDATE customers c SET v = 5 FROM orders o WHERE o.customer_id = c.id AND c.id = 101 AND o.id = 1
UPDATE customers SET name = upper(name)
UPDATE orders SET total = total + 1 WHERE customer_id = 102
UPDATE orders SET total = total * 2 WHERE total > 90
DELETE FROM orders WHERE customer_id = 101 AND id = 2
DELETE FROM orders WHERE customer_id IN (1, 2) AND id = 3
DELETE FROM customers WHERE id = 103 RETURNING name
DELETE FROM orders WHERE total < 5
INSERT INTO countries VALUES ('se', 'Sweden')
UPDATE countries SET name = 'Schweden' WHERE code = 'se'
INSERT INTO countries VALUES ('at', 'again') ON CONFLICT DO NOTHING
DELETE FROM countries WHERE code = 'se'
WITH gone AS (DELETE FROM orders WHERE customer_id = 102 RETURNING id) SELECT count(*) FROM gone
WITH new AS (INSERT INTO customers(id, name) VALUES (110, 'ten') RETURNING id) SELECT id FROM new
BEGIN
UPDATE customers SET v = 77 WHERE id = 104
SELECT v FROM customers WHERE id = 104
ROLLBACK
SELECT v FROM customers WHERE id = 104
BEGIN
UPDATE customers SET v = 78 WHERE id = 104
UPDATE customers SET v = 78 WHERE id = 105
SELECT sum(v) FROM customers WHERE id IN (104, 105)
COMMIT
BEGIN; UPDATE customers SET v = 1 WHERE id = 106; UPDATE customers SET v = 1 WHERE id = 107; COMMIT
BEGIN
SAVEPOINT a
UPDATE customers SET v = 2 WHERE id = 106
ROLLBACK TO a
UPDATE customers SET v = 3 WHERE id = 107
RELEASE a
COMMIT
SELECT id, v FROM customers WHERE id >= 101 ORDER BY id
SELECT count(*) FROM customers
SELECT customer_id, id, total, country, note FROM orders ORDER BY customer_id, id
TRUNCATE orders
SELECT count(*) FROM orders
