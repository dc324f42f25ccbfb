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

-- Raises FS001 unless this shard takes writes of the migration's keys. Apart from gate_check so that a session can call it before
-- it needs it: a trigger function is read and planned anew for each trigger, which costs a session's first write 1.5 ms instead of
-- 0.3, and all sessions write for the first time in the moment after a cutover.
CREATE OR REPLACE FUNCTION foreshard.gate_pass(p_id bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(1179862868, p_id::integer);
  IF current_setting('transaction_isolation') = 'read committed' THEN
    PERFORM FROM foreshard.gate WHERE migration_id = p_id;  -- fresh snapshot: sees the close
  ELSE
    PERFORM FROM foreshard.gate WHERE migration_id = p_id FOR KEY SHARE;  -- old snapshot: 40001 if closed since
  END IF;
  IF NOT FOUND THEN
    PERFORM foreshard.stale_owner(p_id, NULL);
  END IF;
END $$;

-- Runs with the rights and the search path of who writes: nothing here can be changed by either.
CREATE OR REPLACE FUNCTION foreshard.gate_check() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM foreshard.gate_pass(TG_ARGV[0]::bigint);
  IF TG_OP OPERATOR(pg_catalog.=) 'DELETE' THEN
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

-- A session's first call reads these functions and plans their statements: 4 of the 5 ms of a first gate_take. That is spent here,
-- before clients wait: the keys of a migration that only this transaction sees are taken and given away, and that is undone. Six
-- times: PostgreSQL plans five calls for their values before it keeps a plan.
CREATE OR REPLACE FUNCTION foreshard.gate_rehearse() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  id CONSTANT bigint := -pg_backend_pid();  -- no other session makes these rows
BEGIN
  FOR turn IN 1..6 LOOP
    BEGIN
      INSERT INTO foreshard.migration (migration_id, uid, peer, phase, token, state)
        VALUES (id, 'rehearsal', 'peer', 'Cutover', 0, 'closed');
      INSERT INTO foreshard.range (range_id, kind, owner, epoch, migration_id)
        VALUES ('rehearsal' || id, 'hash', 'self', 0, id);
      INSERT INTO foreshard.barrier VALUES (id, 'peer', 'cutover', 1);
      PERFORM foreshard.gate_take(id, 1, 1, 'self', 1, '0 s');
      PERFORM foreshard.gate_close(id, 2, 2, 'self', 'peer', 2);
      RAISE EXCEPTION 'undone' USING ERRCODE = 'FS004';
    EXCEPTION WHEN SQLSTATE 'FS004' THEN
      NULL;
    END;
  END LOOP;
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
  -- Where it is open its row is there, or a mover that aborts has taken it away, and looks no more.
  INSERT INTO foreshard.gate SELECT p_id WHERE seen.state = 'closed' ON CONFLICT DO NOTHING;
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
  IF TG_EVENT = 'ddl_command_start' THEN
    -- Two transactions: at ddl_command_end the first is committed. Never inside a function or a block, so the text is it.
    SELECT m.migration_id, p.oid::regclass::text AS object_identity INTO hit
    FROM foreshard.migration m JOIN pg_class p ON p.oid = ANY (m.tables) AND p.relkind = 'p'
    WHERE current_query() ~* '\mdetach\M.*\mconcurrently\M'
    LIMIT 1;
  ELSIF TG_EVENT = 'sql_drop' THEN
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
