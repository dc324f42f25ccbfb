// main.js PORT PASSWORD: node-postgres through the router.
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';

const [port, password] = process.argv.slice(2);
const options = {
  host: '127.0.0.1', port, user: 'app', database: 'app', password,
  ssl: { rejectUnauthorized: false }, enableChannelBinding: true,
};

const number = async (client, text, values) => Number(Object.values((await client.query(text, values)).rows[0])[0]);

// Without a name each text is parsed anew; with one it is prepared once and used again.
async function preparedStatements(client) {
  for (let round = 0; round < 2; round++) {
    for (let key = 1; key <= 8; key++) {
      const named = { name: 'one', text: 'SELECT id FROM customers WHERE id = $1', values: [key] };
      assert.equal(await number(client, named), key);
      assert.equal(await number(client, 'SELECT id FROM customers WHERE id = $1', [key]), key);
    }
  }
  const { rows } = await client.query('SELECT id, v FROM customers WHERE id = ANY($1) ORDER BY id', [[3, 1, 2]]);
  assert.deepEqual(rows, [1, 2, 3].map((id) => ({ id: String(id), v: '0' })));
}

async function transactions(client) {
  const update = 'UPDATE customers SET v = $1 WHERE id = ANY($2)';
  await client.query('BEGIN');
  assert.equal((await client.query(update, [5, [1, 2, 3, 4]])).rowCount, 4);
  await client.query('ROLLBACK');
  assert.equal(await number(client, 'SELECT sum(v) FROM customers'), 0);
  await client.query('BEGIN');
  assert.equal((await client.query(update, [1, [1, 2, 3, 4]])).rowCount, 4);
  await client.query('COMMIT');
  assert.equal(await number(client, 'SELECT sum(v) FROM customers'), 4);
  await assert.rejects(client.query('INSERT INTO customers(id) VALUES ($1)', [3]), { code: '23505' });
}

async function copies(client) {
  const lines = Array.from({ length: 200 }, (_, at) => `${200 + at}\tname ${200 + at}\n`);
  await pipeline(Readable.from(lines), client.query(copyFrom('COPY customers(id, name) FROM STDIN')));
  assert.equal(await number(client, 'SELECT count(*) FROM customers WHERE id >= 200'), 200);
  let out = '';
  const rows = client.query(copyTo('COPY (SELECT id, name FROM customers WHERE id = 305) TO STDOUT'));
  for await (const piece of rows) out += piece;
  assert.equal(out, '305\tname 305\n');
}

// Many at once through a pool, each statement on whichever connection is free.
async function pools() {
  const pool = new pg.Pool({ ...options, max: 4 });
  const keys = Array.from({ length: 40 }, (_, at) => 1 + (at % 8));
  const seen = await Promise.all(keys.map((key) => number(pool, 'SELECT id FROM customers WHERE id = $1', [key])));
  assert.deepEqual(seen, keys);
  await pool.end();
}

// One request, as soon as the statement is seen to run where key 1 is.
async function cancels(client) {
  const other = new pg.Client(options);
  await other.connect();
  const sleeping = new pg.Query('SELECT pg_sleep(60) FROM customers WHERE id = 1');
  const ended = new Promise((resolve) => sleeping.on('error', resolve).on('end', resolve));
  client.query(sleeping);
  const seen = "/* foreshard.shard_key='1' */ SELECT count(*) FROM pg_stat_activity " +
    "WHERE state = 'active' AND query LIKE 'SELECT pg_sleep(60)%'";
  while (await number(other, seen) === 0) await pause(10);
  await other.end();
  new pg.Client(options).cancel(client, sleeping);
  assert.equal((await ended)?.code, '57014');
  assert.equal(await number(client, 'SELECT 1'), 1);
}

const client = new pg.Client(options);
await client.connect();
await preparedStatements(client);
await transactions(client);
await copies(client);
await pools();
await cancels(client);
await client.end();
console.log('all good');
process.exit(0);  // A request to cancel leaves a socket that only the far side may close.
