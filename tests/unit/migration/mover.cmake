foreshard_test(unit.migration.mover
  SOURCES predicate_test.cpp shard_objects_test.cpp
  DEPS foreshard_mover)
