-- The end of shard_schema.sql: decisions of two-phase transactions, and who may call what.

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
  foreshard.decide(text), foreshard.decide(text, text[]), foreshard.resolve(text), foreshard.forget(text[], text[]),
  foreshard.gate_pass(bigint) TO PUBLIC;
GRANT SELECT ON foreshard.range TO PUBLIC;
