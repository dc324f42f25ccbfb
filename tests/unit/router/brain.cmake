foreshard_test(unit.router.brain
  SOURCES catalogue_test.cpp compiled_table_test.cpp key_test.cpp lexer_test.cpp normalize_test.cpp table_feed_test.cpp
  DEPS foreshard_router_brain)
