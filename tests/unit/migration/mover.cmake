foreshard_test(unit.migration.mover
  SOURCES predicate_test.cpp shard_objects_test.cpp copier_test.cpp copy_rate_test.cpp digest_test.cpp audit_test.cpp
          crash_points_test.cpp pg_dump_test.cpp sweeper_test.cpp preflight_test.cpp
          pg_shard_sql_test.cpp mover_work_test.cpp exporter_test.cpp
  DEPS foreshard_mover foreshard_mover_exporter foreshard_crash_points)
