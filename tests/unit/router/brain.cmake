foreshard_test(unit.router.brain
  SOURCES catalogue_test.cpp classify_copy_test.cpp classify_facts_test.cpp classify_merge_test.cpp classify_query_test.cpp classify_session_test.cpp classify_test.cpp classify_utility_test.cpp classify_write_test.cpp compiled_table_test.cpp key_test.cpp lexer_test.cpp normalize_test.cpp table_feed_test.cpp
  DEPS foreshard_router_brain)
