foreshard_test(integration.router.scatter
  SOURCES scatter_test.cpp sharded_database.cpp
  DEPS foreshard_router_brain foreshard_pg foreshard_test_support
  TIMEOUT 300)
