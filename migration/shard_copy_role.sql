-- Who writes the rows that are copied, streamed and repaired. Functions of clients (indexes, checks, generated columns, triggers that fire
-- always) run with the rights of who writes, so it is no superuser: it may do what the owners of the moving tables may, pass
-- the gate, and mark a chunk.
DO $$ BEGIN
  CREATE ROLE foreshard_copy LOGIN BYPASSRLS;
EXCEPTION WHEN duplicate_object THEN NULL;
END $$;
GRANT SET ON PARAMETER session_replication_role TO foreshard_copy;
GRANT SELECT, UPDATE (progress_at) ON foreshard.migration TO foreshard_copy;  -- FOR SHARE asks for some UPDATE
GRANT SELECT, INSERT ON foreshard.chunk_done TO foreshard_copy;
GRANT SELECT, INSERT, DELETE ON foreshard.barrier TO foreshard_copy;
GRANT INSERT, SELECT (id) ON foreshard.stray_row TO foreshard_copy;  -- RETURNING id

-- Before the role writes to these tables. Called by the mover and the operator; their SCRAM verifier becomes the role's: it knows no
-- name, so their password is good for both.
CREATE OR REPLACE FUNCTION foreshard.let_copy(p_tables regclass[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  one record;
BEGIN
  PERFORM pg_advisory_xact_lock(1179862870);  -- of two that change a role, one would fail
  FOR one IN
    SELECT mine.rolpassword AS verifier FROM pg_authid mine, pg_authid its
    WHERE mine.rolname = session_user AND its.rolname = 'foreshard_copy' AND mine.rolpassword LIKE 'SCRAM-SHA-256$%'
      AND its.rolpassword IS DISTINCT FROM mine.rolpassword
  LOOP
    EXECUTE format('ALTER ROLE foreshard_copy PASSWORD %L', one.verifier);
  END LOOP;
  FOR one IN
    SELECT t.oid::regclass AS name, n.nspname, o.rolname, o.rolsuper
    FROM (SELECT unnest(p_tables) UNION SELECT p.relid FROM unnest(p_tables) x, pg_partition_tree(x) p) k (oid)
      JOIN pg_class t ON t.oid = k.oid JOIN pg_roles o ON o.oid = t.relowner JOIN pg_namespace n ON n.oid = t.relnamespace
  LOOP
    IF one.rolsuper THEN  -- whose functions may do everything anyway; never a member of that
      EXECUTE format('GRANT USAGE ON SCHEMA %I TO foreshard_copy', one.nspname);
      EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO foreshard_copy', one.name);
    ELSIF NOT pg_has_role('foreshard_copy', one.rolname, 'USAGE') THEN
      EXECUTE format('GRANT %I TO foreshard_copy', one.rolname);
    END IF;
  END LOOP;
END $$;


-- What the shard knows of migrations, and that none begins until the caller's transaction ends.
CREATE OR REPLACE FUNCTION foreshard.guard_repair(OUT under_way bigint, OUT epoch bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  LOCK TABLE foreshard.migration IN SHARE MODE;
  SELECT count(*) INTO under_way FROM foreshard.migration WHERE phase NOT IN ('Completed', 'RolledBack', 'Aborted');
  SELECT coalesce(max(r.epoch), 0) INTO epoch FROM foreshard.range r;
END $$;
REVOKE ALL ON FUNCTION foreshard.guard_repair() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION foreshard.guard_repair() TO foreshard_copy;
