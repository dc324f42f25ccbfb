-- Schema `foreshard` of a shard: who may write which range, and how far a migration is.
-- Installed by InstallShardSchema() in one transaction; every statement may run again on an older or the same version.
-- Rules: calls that change something carry a token and begin with claim(); FS001 no writes here, FS002 older token,
-- FS003 not in that state. Why it is so: docs of the design page "migration", sections 2, 4, 5.

CREATE SCHEMA IF NOT EXISTS foreshard;
GRANT USAGE ON SCHEMA foreshard TO PUBLIC;

CREATE TABLE IF NOT EXISTS foreshard.migration (  -- kept after the end: late calls are refused
  migration_id bigint  PRIMARY KEY,  -- status.number of the ShardMigration
  uid          text    NOT NULL,
  peer         text    NOT NULL,  -- the other shard
  phase        text    NOT NULL,
  token        bigint  NOT NULL,
  attempt      integer NOT NULL DEFAULT 0,
  state        text    NOT NULL CHECK (state IN ('open', 'closed', 'drained', 'revoked')),
  drained_lsn  pg_lsn,
  reverse_slot name,  -- on the destination
  tables       oid[]   NOT NULL DEFAULT '{}',  -- what the DDL guard watches
  objects      jsonb   NOT NULL DEFAULT '[]',  -- intent before deed
  progress     jsonb   NOT NULL DEFAULT '{}',
  progress_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS foreshard.gate (  -- a row: this shard takes writes of the migration's keys
  migration_id bigint PRIMARY KEY REFERENCES foreshard.migration
);

CREATE TABLE IF NOT EXISTS foreshard.range (  -- what this shard knows about ownership
  range_id     text    PRIMARY KEY,
  kind         text    NOT NULL CHECK (kind IN ('hash', 'value', 'keys')),
  lower_bound  text,  -- inclusive; null: none
  upper_bound  text,  -- exclusive; null: none
  keys         text[],
  owner        text    NOT NULL,
  epoch        bigint  NOT NULL,
  leased       boolean NOT NULL DEFAULT false,
  migration_id bigint  UNIQUE
);

CREATE TABLE IF NOT EXISTS foreshard.barrier (  -- replicated: probes of lag, one sentinel an attempt
  migration_id bigint,
  source       text,
  kind         text CHECK (kind IN ('probe', 'cutover')),
  seq          bigint,
  PRIMARY KEY (migration_id, source, kind, seq)
);

CREATE TABLE IF NOT EXISTS foreshard.chunk_done (  -- on the destination, in the transaction of the rows
  migration_id bigint,
  table_name   text,
  chunk        bigint,
  first_page   bigint NOT NULL,
  end_page     bigint NOT NULL,
  rows         bigint NOT NULL,
  bytes        bigint NOT NULL,
  filenode     oid    NOT NULL,  -- of the source's table: VACUUM FULL renumbers pages
  PRIMARY KEY (migration_id, table_name, chunk)
);

CREATE TABLE IF NOT EXISTS foreshard.stray_row (  -- what a repair took away
  id         bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  table_name text        NOT NULL,
  row_data   jsonb       NOT NULL,
  at         timestamptz NOT NULL DEFAULT now()
);

-- Sessions that came through a router, written by connected() right after the login. A crash ends all sessions and empties
-- an unlogged table, so the two agree. application_name belongs to clients and proves nothing.
CREATE UNLOGGED TABLE IF NOT EXISTS foreshard.connection (
  pid           integer     PRIMARY KEY,
  backend_start timestamptz NOT NULL,
  router        text        NOT NULL,
  epoch         bigint      NOT NULL  -- of the router's table when it connected
);

CREATE OR REPLACE FUNCTION foreshard.connected(p_router text, p_epoch bigint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO foreshard.connection
  SELECT a.pid, a.backend_start, p_router, p_epoch FROM pg_stat_get_activity(pg_backend_pid()) a
  ON CONFLICT (pid) DO UPDATE
    SET backend_start = excluded.backend_start, router = excluded.router, epoch = excluded.epoch
$$;

CREATE OR REPLACE FUNCTION foreshard.stale_owner(p_id bigint, p_range text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  known foreshard.range;
BEGIN
  SELECT * INTO known FROM foreshard.range WHERE migration_id = p_id OR range_id = p_range LIMIT 1;
  RAISE EXCEPTION 'this shard takes no writes for the range' USING ERRCODE = 'FS001',
    DETAIL = format('migration=%s owner=%s epoch=%s', known.migration_id, known.owner, known.epoch);
END $$;

CREATE OR REPLACE FUNCTION foreshard.gate_check() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  id CONSTANT bigint := TG_ARGV[0];
BEGIN
  PERFORM pg_advisory_xact_lock_shared(1179862868, id::integer);
  IF current_setting('transaction_isolation') = 'read committed' THEN
    PERFORM FROM foreshard.gate WHERE migration_id = id;  -- fresh snapshot: sees the close
  ELSE
    PERFORM FROM foreshard.gate WHERE migration_id = id FOR KEY SHARE;  -- old snapshot: 40001 if closed since
  END IF;
  IF NOT FOUND THEN
    PERFORM foreshard.stale_owner(id, NULL);
  END IF;
  IF TG_OP = 'DELETE' THEN
    RETURN OLD;
  END IF;
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION foreshard.claim(p_id bigint, p_token bigint) RETURNS foreshard.migration
LANGUAGE plpgsql AS $$
DECLARE
  seen foreshard.migration;
BEGIN
  SELECT * INTO seen FROM foreshard.migration WHERE migration_id = p_id FOR UPDATE;
  IF NOT FOUND OR seen.token > p_token THEN
    RAISE EXCEPTION 'migration % is unknown or held by a newer token', p_id USING ERRCODE = 'FS002';
  END IF;
  UPDATE foreshard.migration SET token = p_token WHERE migration_id = p_id;
  RETURN seen;
END $$;

CREATE OR REPLACE FUNCTION foreshard.wrong_state(seen foreshard.migration, call text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'cannot %: % in attempt %', call, seen.state, seen.attempt USING ERRCODE = 'FS003';
END $$;

-- "system identifier/timeline" of this server. The control file learns a new timeline late; WAL file names at once.
CREATE OR REPLACE FUNCTION foreshard.identity() RETURNS text
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  SELECT system_identifier || '/' || CASE
    WHEN pg_is_in_recovery() THEN (SELECT timeline_id FROM pg_control_checkpoint())
    ELSE ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::integer END
  FROM pg_control_system()
$$;

-- A promoted standby may lack what the row was told: nothing is drained or opened across a failover.
CREATE OR REPLACE FUNCTION foreshard.same_server(seen foreshard.migration) RETURNS boolean
LANGUAGE sql AS $$
  SELECT coalesce(seen.progress->>'own_identity', foreshard.identity()) = foreshard.identity()
$$;

CREATE OR REPLACE FUNCTION foreshard.enter(p_id bigint, p_token bigint, p_phase text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM foreshard.claim(p_id, p_token);
  UPDATE foreshard.migration SET phase = p_phase WHERE migration_id = p_id;
END $$;

-- The shard that gives the keys away. The sentinel is the last thing it writes for them.
CREATE OR REPLACE FUNCTION foreshard.gate_close(p_id bigint, p_token bigint, p_attempt integer, p_self text,
                                                p_owner text, p_epoch bigint)
RETURNS void LANGUAGE plpgsql SET lock_timeout = '300ms' AS $$
DECLARE
  seen foreshard.migration := foreshard.claim(p_id, p_token);
BEGIN
  IF seen.state = 'closed' AND seen.attempt = p_attempt THEN
    RETURN;
  END IF;
  IF seen.state <> 'open' OR seen.attempt >= p_attempt THEN
    PERFORM foreshard.wrong_state(seen, 'close');
  END IF;
  PERFORM pg_advisory_xact_lock(1179862868, p_id::integer);  -- waits for all that wrote the keys
  DELETE FROM foreshard.gate WHERE migration_id = p_id;
  UPDATE foreshard.range SET owner = p_owner, epoch = p_epoch WHERE migration_id = p_id;
  UPDATE foreshard.migration SET state = 'closed', attempt = p_attempt WHERE migration_id = p_id;
  INSERT INTO foreshard.barrier VALUES (p_id, p_self, 'cutover', p_attempt);
END $$;

-- Everything before the sentinel is here. The caller's synchronous commit makes what was applied before it durable.
CREATE OR REPLACE FUNCTION foreshard.gate_drained(p_id bigint, p_token bigint, p_attempt integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  seen foreshard.migration := foreshard.claim(p_id, p_token);
BEGIN
  IF seen.state = 'drained' AND seen.attempt = p_attempt THEN
    RETURN;
  END IF;
  IF seen.state NOT IN ('closed', 'revoked') OR seen.attempt >= p_attempt OR NOT foreshard.same_server(seen)
     OR NOT EXISTS (SELECT FROM foreshard.barrier WHERE migration_id = p_id AND source = seen.peer
                      AND kind = 'cutover' AND seq = p_attempt) THEN
    PERFORM foreshard.wrong_state(seen, 'drain');
  END IF;
  UPDATE foreshard.migration
  SET state = 'drained', attempt = p_attempt, drained_lsn = pg_current_wal_insert_lsn()
  WHERE migration_id = p_id;
END $$;

-- The point of no return. Refuses unless the reverse slot is there and stands before the drain.
CREATE OR REPLACE FUNCTION foreshard.gate_open(p_id bigint, p_token bigint, p_attempt integer, p_owner text,
                                               p_epoch bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  seen foreshard.migration := foreshard.claim(p_id, p_token);
BEGIN
  IF seen.state = 'open' AND seen.attempt = p_attempt THEN
    RETURN;
  END IF;
  IF seen.state <> 'drained' OR seen.attempt <> p_attempt OR NOT foreshard.same_server(seen)
     OR seen.reverse_slot IS NOT NULL AND NOT EXISTS (
          SELECT FROM pg_replication_slots WHERE slot_name = seen.reverse_slot
            AND wal_status IN ('reserved', 'extended') AND confirmed_flush_lsn <= seen.drained_lsn) THEN
    PERFORM foreshard.wrong_state(seen, 'open');
  END IF;
  INSERT INTO foreshard.gate VALUES (p_id) ON CONFLICT DO NOTHING;
  UPDATE foreshard.range SET owner = p_owner, epoch = p_epoch WHERE migration_id = p_id;
  UPDATE foreshard.migration SET state = 'open' WHERE migration_id = p_id;
END $$;

-- gate_drained and gate_open as soon as the sentinel is here, in one transaction; false: it has not come in that time, and
-- nothing was done. While it waits it holds no lock.
CREATE OR REPLACE FUNCTION foreshard.gate_take(p_id bigint, p_token bigint, p_attempt integer, p_owner text,
                                               p_epoch bigint, p_wait interval)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  giver CONSTANT text := (SELECT peer FROM foreshard.migration WHERE migration_id = p_id);
  until CONSTANT timestamptz := clock_timestamp() + p_wait;
BEGIN
  WHILE NOT EXISTS (SELECT FROM foreshard.barrier WHERE migration_id = p_id AND source = giver
                      AND kind = 'cutover' AND seq = p_attempt) LOOP
    IF clock_timestamp() >= until THEN
      RETURN false;
    END IF;
    PERFORM pg_sleep(0.0005);
  END LOOP;
  PERFORM foreshard.gate_drained(p_id, p_token, p_attempt);
  PERFORM foreshard.gate_open(p_id, p_token, p_attempt, p_owner, p_epoch);
  RETURN true;
END $$;

-- Answers the state afterwards: 'open' means that the attempt, or a later one, was faster.
CREATE OR REPLACE FUNCTION foreshard.gate_revoke(p_id bigint, p_token bigint, p_attempt integer) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
  seen foreshard.migration := foreshard.claim(p_id, p_token);
BEGIN
  IF seen.state = 'open' OR seen.attempt > p_attempt THEN
    RETURN seen.state;
  END IF;
  UPDATE foreshard.migration SET state = 'revoked', attempt = p_attempt WHERE migration_id = p_id;
  RETURN 'revoked';
END $$;

-- REQUIRES: revoked(p_attempt) was read on the other shard. Also when it is open already: the attempt stays behind, so
-- a late close of it is refused.
CREATE OR REPLACE FUNCTION foreshard.gate_reopen(p_id bigint, p_token bigint, p_attempt integer, p_owner text,
                                                 p_epoch bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  seen foreshard.migration := foreshard.claim(p_id, p_token);
BEGIN
  IF seen.state NOT IN ('open', 'closed') OR seen.attempt > p_attempt THEN
    PERFORM foreshard.wrong_state(seen, 'reopen');
  END IF;
  INSERT INTO foreshard.gate VALUES (p_id) ON CONFLICT DO NOTHING;
  UPDATE foreshard.range SET owner = p_owner, epoch = p_epoch WHERE migration_id = p_id;
  UPDATE foreshard.migration SET state = 'open', attempt = p_attempt WHERE migration_id = p_id;
END $$;

-- Moves the reverse slot forward, never past what clients may have written here.
CREATE OR REPLACE FUNCTION foreshard.slot_advance(p_id bigint, p_token bigint, p_lsn pg_lsn) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  seen   foreshard.migration := foreshard.claim(p_id, p_token);
  target pg_lsn := p_lsn;
BEGIN
  IF seen.reverse_slot IS NULL THEN
    PERFORM foreshard.wrong_state(seen, 'advance a slot');
  END IF;
  IF seen.state IN ('drained', 'open') AND seen.drained_lsn < target THEN
    target := seen.drained_lsn;
  END IF;
  PERFORM pg_replication_slot_advance(slot_name, target) FROM pg_replication_slots
  WHERE slot_name = seen.reverse_slot AND confirmed_flush_lsn < target;
END $$;

-- First statement of a REPEATABLE READ transaction: proves ownership for its snapshot. Routers say the same without a call:
-- SELECT CASE WHEN owner <> self THEN foreshard.stale_owner(NULL, range_id) END FROM foreshard.range WHERE migration_id = id.
CREATE OR REPLACE FUNCTION foreshard.owner_check(p_range text, p_self text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM FROM foreshard.range WHERE range_id = p_range AND owner <> p_self;
  IF FOUND THEN
    PERFORM foreshard.stale_owner(NULL, p_range);
  END IF;
END $$;

CREATE OR REPLACE FUNCTION foreshard.refuse() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION '% is refused on table %.% while migration % moves its keys', TG_ARGV[1], TG_TABLE_SCHEMA,
    TG_TABLE_NAME, TG_ARGV[0]
    USING ERRCODE = '55006', HINT = 'Wait until the migration has ended, or abort it.';
END $$;

CREATE OR REPLACE FUNCTION foreshard.refuse_ddl() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  hit record;
BEGIN
  IF session_user = 'foreshard' THEN
    RETURN;
  END IF;
  IF TG_EVENT = 'sql_drop' THEN
    SELECT m.migration_id, d.object_identity INTO hit
    FROM pg_event_trigger_dropped_objects() d
    JOIN foreshard.migration m ON m.tables <> '{}'
      AND (d.classid = 'pg_class'::regclass AND d.objid = ANY (m.tables)
           OR d.object_type = 'trigger' AND d.object_identity LIKE 'zzz\_foreshard\_%')
    LIMIT 1;
  ELSE
    SELECT m.migration_id, d.object_identity INTO hit
    FROM pg_event_trigger_ddl_commands() d
    JOIN foreshard.migration m ON m.tables <> '{}'
      AND (d.classid = 'pg_class'::regclass AND d.objid = ANY (m.tables)
           OR EXISTS (SELECT FROM pg_index i WHERE d.classid = 'pg_class'::regclass
                        AND i.indexrelid = d.objid AND i.indrelid = ANY (m.tables))
           OR EXISTS (SELECT FROM pg_inherits i WHERE d.classid = 'pg_class'::regclass
                        AND i.inhrelid = d.objid AND i.inhparent = ANY (m.tables))
           OR EXISTS (SELECT FROM pg_trigger t WHERE d.classid = 'pg_trigger'::regclass
                        AND t.oid = d.objid AND t.tgrelid = ANY (m.tables))
           OR EXISTS (SELECT FROM pg_attribute a WHERE d.classid = 'pg_type'::regclass
                        AND a.atttypid = d.objid AND a.attrelid = ANY (m.tables)))
    LIMIT 1;
  END IF;
  IF FOUND THEN
    RAISE EXCEPTION '% is refused on % while migration % moves its keys', TG_TAG, hit.object_identity,
      hit.migration_id
      USING ERRCODE = '55006', HINT = 'Wait until the migration has ended, or abort it.';
  END IF;
END $$;

-- Two-phase transactions of routers. The first shard writes the decision in its own part of the transaction, so its commit is
-- the decision; the other parts are prepared before it. Who finds an orphan calls resolve() there and does what it says.
-- forget() removes what nobody can need any more.
CREATE TABLE IF NOT EXISTS foreshard.decision (
  name      text        PRIMARY KEY,  -- of the prepared transactions on the other shards
  committed boolean     NOT NULL,
  at        timestamptz NOT NULL DEFAULT now(),
  shards    text[],  -- where they are; null: an older router did not say, and for what was decided against
  owner     name        NOT NULL DEFAULT session_user
);
ALTER TABLE foreshard.decision ADD COLUMN IF NOT EXISTS shards text[],
  ADD COLUMN IF NOT EXISTS owner name NOT NULL DEFAULT session_user;

CREATE OR REPLACE FUNCTION foreshard.decide(p_name text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO foreshard.decision (name, committed) VALUES (p_name, true)
$$;

CREATE OR REPLACE FUNCTION foreshard.decide(p_name text, p_shards text[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO foreshard.decision (name, committed, shards) VALUES (p_name, true, p_shards)
$$;

-- True: commit. Waits for a decision that is being written; where none is, it decides against, for good.
CREATE OR REPLACE FUNCTION foreshard.resolve(p_name text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO foreshard.decision (name, committed) VALUES (p_name, false) ON CONFLICT (name) DO NOTHING;
  RETURN (SELECT committed FROM foreshard.decision WHERE name = p_name);
END $$;

-- Removes the caller's decisions that are an hour old and done with: those to commit whose shards are all of p_shards, each of
-- which was asked just now, while none of their names is in p_prepared; and those against, once no transaction is open that may
-- have prepared before them: it could still decide for. The hour is for a replica that was behind and is promoted: a shard on it
-- may have the transaction prepared again. Returns how many rows went.
CREATE OR REPLACE FUNCTION foreshard.forget_older(p_owner name, p_age interval, p_shards text[], p_prepared text[]) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH gone AS (
    DELETE FROM foreshard.decision d
    WHERE d.owner = p_owner AND d.at < now() - p_age
      AND CASE WHEN d.committed THEN d.shards <@ p_shards AND d.name <> ALL (p_prepared)
               ELSE NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datname = current_database()
                                  AND a.xact_start < d.at + p_age / 2) END
    RETURNING 1)
  SELECT count(*) FROM gone
$$;

CREATE OR REPLACE FUNCTION foreshard.forget(p_shards text[], p_prepared text[]) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT foreshard.forget_older(session_user, interval '1 hour', p_shards, p_prepared)
$$;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA foreshard FROM PUBLIC;
GRANT EXECUTE ON FUNCTION foreshard.owner_check(text, text), foreshard.stale_owner(bigint, text), foreshard.connected(text, bigint),
  foreshard.decide(text), foreshard.decide(text, text[]), foreshard.resolve(text), foreshard.forget(text[], text[]) TO PUBLIC;
GRANT SELECT ON foreshard.range TO PUBLIC;
