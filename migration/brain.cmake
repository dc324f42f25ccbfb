# The pure half: values and decisions, no I/O, no clock. The operator, the mover and the simulator link it.
foreshard_library(foreshard_migration
  SOURCES decide.cpp decide_soak.cpp phase.cpp progress.cpp service.cpp shard.cpp spec.cpp spec_json.cpp throttle.cpp
  DEPS foreshard_base foreshard_model
  PRIVATE_DEPS nlohmann_json::nlohmann_json)
