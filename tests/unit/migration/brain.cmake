foreshard_test(unit.migration.brain
  SOURCES phase_test.cpp decide_test.cpp
  DEPS foreshard_migration)
