foreshard_test(unit.migration.brain
  SOURCES phase_test.cpp decide_test.cpp progress_test.cpp service_test.cpp shard_test.cpp spec_test.cpp spec_json_test.cpp
          throttle_test.cpp
  DEPS foreshard_migration)
