-- Statements that several shards cannot answer or do exactly: SQLSTATE | part of the message | statement.
0A000 | string_agg() over several shards | SELECT string_agg(name, ',') FROM customers
0A000 | array_agg() over several shards | SELECT array_agg(id) FROM customers
0A000 | json_agg() over several shards | SELECT json_agg(id) FROM customers
0A000 | count(DISTINCT …) over several shards | SELECT count(DISTINCT country) FROM customers
0A000 | stddev() over several shards | SELECT stddev(v) FROM customers
0A000 | variance() over several shards | SELECT variance(v) FROM customers
0A000 | percentile_cont() with an order over several shards | SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY v) FROM customers
0A000 | mode() with an order over several shards | SELECT mode() WITHIN GROUP (ORDER BY v) FROM customers
0A000 | corr() over several shards | SELECT corr(v, id) FROM customers
0A000 | the window function row_number() over several shards | SELECT row_number() OVER (ORDER BY id) FROM customers
0A000 | the window function rank() over several shards | SELECT id, rank() OVER (PARTITION BY country ORDER BY score) FROM customers
0A000 | GROUP BY with sets over several shards | SELECT country, count(*) FROM customers GROUP BY ROLLUP (country)
0A000 | GROUP BY with sets over several shards | SELECT country, count(*) FROM customers GROUP BY CUBE (country, active)
0A000 | GROUP BY with sets over several shards | SELECT country, count(*) FROM customers GROUP BY GROUPING SETS ((country), ())
0A000 | HAVING over several shards | SELECT country FROM customers GROUP BY country HAVING count(*) > 3
0A000 | DISTINCT ON over several shards | SELECT DISTINCT ON (country) country, id FROM customers ORDER BY country, id
0A000 | UNION, INTERSECT or EXCEPT over sharded tables cannot be answered by several shards | SELECT id FROM customers UNION SELECT customer_id FROM orders
0A000 | UNION, INTERSECT or EXCEPT over sharded tables cannot be answered by several shards | SELECT id FROM customers UNION ALL SELECT customer_id FROM orders
0A000 | UNION, INTERSECT or EXCEPT over sharded tables cannot be answered by several shards | SELECT id FROM customers INTERSECT SELECT customer_id FROM orders
0A000 | UNION, INTERSECT or EXCEPT over sharded tables cannot be answered by several shards | SELECT id FROM customers EXCEPT SELECT customer_id FROM orders
0A000 | tables that are not joined on their sharding columns cannot be answered by several shards | SELECT c.id, o.id FROM customers c JOIN orders o ON o.id = c.id
0A000 | tables that are not joined on their sharding columns cannot be answered by several shards | SELECT a.id FROM customers a, customers b
0A000 | tables that are not joined on their sharding columns cannot be answered by several shards | SELECT a.id FROM customers a JOIN customers b ON a.v = b.v
0A000 | tables that are not joined on their sharding columns cannot be answered by several shards | SELECT id FROM customers WHERE v > (SELECT avg(v) FROM customers)
0A000 | tables that are not joined on their sharding columns cannot be answered by several shards | SELECT id FROM customers WHERE v IN (SELECT id FROM orders)
0A000 | tables that are not joined on their sharding columns cannot be answered by several shards | SELECT (SELECT count(*) FROM orders)
0A000 | tables that are not joined on their sharding columns cannot be answered by several shards | SELECT count(*) FROM (SELECT DISTINCT country FROM customers) x
0A000 | tables that are not joined on their sharding columns cannot be answered by several shards | SELECT count(*) FROM (SELECT id FROM customers ORDER BY id LIMIT 5) x
0A000 | tables that are not joined on their sharding columns cannot be answered by several shards | WITH x AS (SELECT country, count(*) FROM customers GROUP BY country) SELECT * FROM x
0A000 | UNION, INTERSECT or EXCEPT over sharded tables cannot be answered by several shards | WITH RECURSIVE t(id) AS (SELECT id FROM customers UNION ALL SELECT id + 1 FROM t) SELECT * FROM t
0A000 | LIMIT of an expression over several shards | SELECT id FROM customers ORDER BY id LIMIT 1 + 1
2201W | LIMIT must not be negative | SELECT id FROM customers ORDER BY id LIMIT -1
2201X | OFFSET must not be negative | SELECT id FROM customers ORDER BY id OFFSET -1
0A000 | FETCH … WITH TIES over several shards | SELECT id FROM customers ORDER BY id FETCH FIRST 2 ROWS WITH TIES
0A000 | ORDER BY … COLLATE "de-x-icu" over several shards | SELECT name FROM customers ORDER BY name COLLATE "de-x-icu"
0A000 | UPDATE of the sharding column public.customers.id with RETURNING, of rows that go to another shard | UPDATE customers SET id = 1007 WHERE id = 4 RETURNING id
0A000 | UPDATE of the sharding column public.customers.id and of other columns, of rows that go to another shard | UPDATE customers SET id = 1007, v = 1 WHERE id = 4
0A000 | UPDATE of the sharding column public.customers.id of rows on several shards | UPDATE customers SET id = 1007 WHERE id IN (1, 2)
0A000 | UPDATE of the sharding column public.customers.id of rows whose key is not named | UPDATE customers SET id = 1007 WHERE name = 'x'
22004 | sharding column public.customers.id: null value | UPDATE customers SET id = NULL WHERE id = 4
23505 | duplicate key value violates unique constraint "customers_pkey" | UPDATE customers SET id = 3 WHERE id = 4
0A000 | UPDATE of the sharding column public.customers.id | WITH x AS (UPDATE customers SET id = 1007 WHERE id = 4 RETURNING v) SELECT count(*) FROM x
0A000 | EXPLAIN of a statement over several shards | EXPLAIN UPDATE customers SET id = 1007 WHERE id = 4
0A000 | UPDATE of the sharding column public.customers.id | UPDATE customers SET id = id + 1
0A000 | UPDATE of the sharding column public.orders.customer_id | UPDATE orders SET customer_id = total WHERE customer_id = 6
22023 | sharding column public.customers.id: its value is not known to the router | INSERT INTO customers(name) VALUES ('no key')
22004 | sharding column public.customers.id: null value | INSERT INTO customers(id, name) VALUES (NULL, 'null key')
22023 | sharding column public.customers.id: its value is not known to the router | INSERT INTO customers(id, name) VALUES (DEFAULT, 'default')
22023 | sharding column public.customers.id: its value is not known to the router | INSERT INTO customers(id, name) VALUES (random() * 1000, 'random')
22023 | sharding column public.customers.id: its value is not known to the router | INSERT INTO customers(id, name) VALUES ((SELECT 5), 'subselect')
22023 | sharding column public.customers.id: its value is not known to the router | INSERT INTO customers(id, name) SELECT id + 1000, name FROM customers
22023 | sharding column public.customers.id: its value is not known to the router | INSERT INTO customers DEFAULT VALUES
0A000 | UPDATE of the sharding column public.customers.id | INSERT INTO customers(id, name) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET id = 2
22023 | sharding column public.customers.id: its value is not known to the router | UPDATE customers SET v = 1 FROM orders o WHERE o.id = customers.id
0A000 | tables that are not joined on their sharding columns cannot be answered by several shards | DELETE FROM customers USING orders o WHERE o.total = customers.v
0A000 | tables that are not joined on their sharding columns cannot be answered by several shards | UPDATE customers SET v = (SELECT max(total) FROM orders)
0A000 | MERGE | MERGE INTO customers c USING countries r ON r.code = c.country WHEN MATCHED THEN UPDATE SET v = 1
0A000 | table public.no_such_table is neither sharded nor a reference table | SELECT * FROM no_such_table
0A000 | LISTEN: notifications do not survive transaction pooling | LISTEN news
0A000 | cursors live inside a transaction here | DECLARE c CURSOR FOR SELECT 1
0A000 | DECLARE … WITH HOLD: the cursor would outlive its server connection | DECLARE c CURSOR WITH HOLD FOR SELECT 1
0A000 | temporary tables | CREATE TEMP TABLE t(x int)
0A000 | CREATE TABLE AS and CREATE MATERIALIZED VIEW | CREATE TABLE t AS SELECT * FROM customers
0A000 | SELECT INTO makes a table | SELECT * INTO t FROM customers
0A000 | pg_advisory_lock(): session locks do not survive transaction pooling | SELECT pg_advisory_lock(1)
0A000 | set_config() | SELECT set_config('foreshard.shard_key', '1', false) FROM customers
0A000 | standard_conforming_strings = off | SET standard_conforming_strings = off
0A000 | SET role | SET ROLE postgres
0A000 | SET session_authorization | SET SESSION AUTHORIZATION postgres
0A000 | PREPARE TRANSACTION through a router | PREPARE TRANSACTION 'x'
0A000 | PREPARE TRANSACTION through a router | COMMIT PREPARED 'x'
0A000 | binary COPY out of several shards | COPY customers TO STDOUT WITH (FORMAT binary)
0A000 | COPY with a header out of several shards | COPY customers TO STDOUT WITH (FORMAT csv, HEADER)
0A000 | COPY from or to a server's file or program | COPY customers TO '/tmp/x'
0A000 | EXPLAIN of a statement over several shards | EXPLAIN SELECT * FROM customers
0A000 | DO: the router cannot see what the block touches | DO $$ BEGIN PERFORM 1; END $$
0A000 | CALL: the router cannot see what the procedure touches | CALL no_such_procedure()
0A000 | CREATE DATABASE | CREATE DATABASE other
0A000 | DROP DATABASE | DROP DATABASE whole
0A000 | ALTER SYSTEM | ALTER SYSTEM SET work_mem = '1MB'
0A000 | CREATE SUBSCRIPTION | CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p
0A000 | changing the sharding column public.customers.id | ALTER TABLE customers DROP COLUMN id
0A000 | renaming public.customers, which the ShardSet lists | ALTER TABLE customers RENAME COLUMN id TO key
0A000 | changing the sharding column public.customers.id | ALTER TABLE customers ALTER COLUMN id TYPE text
0A000 | renaming public.customers, which the ShardSet lists | ALTER TABLE customers RENAME TO clients
0A000 | an expression over count() over several shards | SELECT sum(v) + count(*) FROM customers
0A000 | an expression over count() over several shards | SELECT country, sum(v) + count(*) AS x FROM customers GROUP BY country ORDER BY country
0A000 | an expression over min() over several shards | SELECT max(v) - min(v) FROM customers
0A000 | an expression over min() over several shards | SELECT country, max(v) - min(v) AS x FROM customers GROUP BY country ORDER BY country
0A000 | PRIMARY KEY "orders_pkey" of table public.orders does not include the sharding column customer_id | ALTER TABLE orders ADD PRIMARY KEY (id)
0A000 | UNIQUE constraint "orders_note_key" of table public.orders does not include the sharding column customer_id | ALTER TABLE orders ADD UNIQUE (note)
0A000 | UNIQUE index "i" of table public.customers does not include the sharding column id | CREATE UNIQUE INDEX i ON customers (name)
0A000 | FOREIGN KEY "orders_id_fkey" of table public.orders does not go along the sharding columns | ALTER TABLE orders ADD FOREIGN KEY (id) REFERENCES customers (id)
0A000 | FOREIGN KEY "f" of table public.countries refers to the sharded table public.customers | ALTER TABLE countries ADD CONSTRAINT f FOREIGN KEY (code) REFERENCES customers (name)
0A000 | DEFAULT of column at of reference table public.countries: now() gives each shard another value | ALTER TABLE countries ADD COLUMN at timestamptz DEFAULT now()
42501 | permission denied for schema foreshard | SELECT foreshard.decide('x')
42501 | permission denied for schema foreshard | SELECT * FROM foreshard.range
42501 | permission denied for schema foreshard | DROP SCHEMA foreshard CASCADE
42501 | permission denied for schema foreshard | SET search_path = foreshard, public
0A000 | now() in a write to several shards gives each another value | UPDATE customers SET at = now()
0A000 | the current time in a write to several shards gives each another value | INSERT INTO customers(id, name, at) VALUES (501, 'a', LOCALTIMESTAMP), (502, 'b', LOCALTIMESTAMP), (503, 'c', LOCALTIMESTAMP), (504, 'd', LOCALTIMESTAMP), (505, 'e', LOCALTIMESTAMP)
0A000 | nextval() counts on one shard only | SELECT nextval('s')
0A000 | the system column ctid over several shards | SELECT ctid FROM customers
0A000 | the system column ctid over several shards | DELETE FROM customers WHERE ctid = '(0,1)'
0A000 | LIMIT or OFFSET in a write to a reference table: shards may choose differently | INSERT INTO countries SELECT code || 'x', name FROM countries LIMIT 1
0A000 | random() in a write to a reference table gives each shard another value | UPDATE countries SET name = random()::text
0A000 | LIMIT with FOR UPDATE or FOR SHARE over several shards | SELECT id FROM customers ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
0A000 | FOR UPDATE or FOR SHARE of a reference table beside a sharded one | SELECT c.id FROM customers c JOIN countries r ON r.code = c.country FOR UPDATE
0A000 | pg_terminate_backend(): a process number means something on one shard only | SELECT pg_terminate_backend(1)
0A000 | CREATE RULE | CREATE RULE r AS ON INSERT TO customers DO INSTEAD NOTHING
0A000 | tables that are not joined on their sharding columns cannot be answered by several shards | SELECT count(*) FROM countries WHERE code NOT IN (SELECT country FROM customers WHERE country IS NOT NULL)
0A000 | tables that are not joined on their sharding columns cannot be answered by several shards | SELECT r.code, count(c.id) FROM countries r LEFT JOIN customers c ON c.country = r.code GROUP BY r.code
0A000 | tables that are not joined on their sharding columns cannot be answered by several shards | SELECT id FROM customers WHERE id NOT IN (SELECT customer_id FROM orders)
0A000 | the window function rank() over several shards | SELECT customer_id FROM orders GROUP BY customer_id ORDER BY rank() OVER (ORDER BY count(*)), customer_id
0A000 | a WITH clause that writes cannot be answered by several shards | WITH gone AS (DELETE FROM orders RETURNING id) SELECT count(*) FROM gone
0A000 | a WITH clause that writes to a reference table | WITH x AS (UPDATE countries SET name = 'x' RETURNING code) SELECT count(*) FROM x
22003 | sharding column public.customers.id: value is out of range for type bigint | SELECT id FROM customers WHERE id = 99999999999999999999
22P02 | sharding column public.customers.id: value is not a bigint | SELECT id FROM customers WHERE id = 'x'
22023 | sharding column public.customers.id: its value is not known to the router | INSERT INTO customers(id, name) VALUES (7.4, 'x')
22023 | sharding column public.customers.id: its value is not known to the router | DELETE FROM customers WHERE id = 7.0
0A000 | tables that are not joined on their sharding columns cannot be answered by several shards | SELECT id FROM customers WHERE id = (SELECT max(customer_id) FROM orders WHERE customer_id = 7)
0A000 | HAVING over several shards | SELECT customer_id, count(*) FROM orders GROUP BY ROLLUP (customer_id) HAVING customer_id = 9
0A000 | peek(): the router cannot see what this function reads and writes | SELECT peek()
0A000 | peek(): the router cannot see what this function reads and writes | SELECT id, public.peek() FROM customers
0A000 | peek(): the router cannot see what this function reads and writes | SELECT * FROM peek() AS n
0A000 | peek(): the router cannot see what this function reads and writes | INSERT INTO countries VALUES ('zz', peek()::text)
0A000 | peek(): the router cannot see what this function reads and writes | UPDATE customers SET v = peek()
0A000 | the aggregate product() over several shards | SELECT product(v) FROM customers
0A000 | the aggregate product() over several shards | SELECT country, product(v) FROM customers GROUP BY country
0A000 | the aggregate product() over several shards | SELECT p FROM (SELECT product(v) AS p FROM customers) x
26000 | prepared statement "nothing" does not exist | EXECUTE nothing(1)
0A000 | PREPARE with a parameter of type int4range | PREPARE p(int4range) AS SELECT $1
0A000 | UPDATE of the sharding column public.customers.id | PREPARE p AS UPDATE customers SET id = id + $1
42501 | permission denied for schema foreshard | PREPARE p AS SELECT * FROM foreshard.range
