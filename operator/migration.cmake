# The migration controller and its way to the routers.
foreshard_library(foreshard_operator_migration
  SOURCES controllers/cutover_loop.cpp
  DEPS foreshard_migration foreshard_model foreshard_base)

foreshard_library(foreshard_operator_routers
  SOURCES routers/https_client.cpp routers/https_router_control.cpp
  DEPS foreshard_operator_api foreshard_model foreshard_base Threads::Threads
  PRIVATE_DEPS OpenSSL::SSL OpenSSL::Crypto)
