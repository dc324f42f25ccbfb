# The migration controller and its way to the routers.
foreshard_library(foreshard_operator_migration
  SOURCES controllers/cutover_loop.cpp
  DEPS foreshard_migration foreshard_model foreshard_base)
