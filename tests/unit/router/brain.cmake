foreshard_test(unit.router.brain
  SOURCES catalogue_test.cpp classify_constraints_test.cpp classify_copy_test.cpp classify_expressions_test.cpp classify_facts_test.cpp classify_functions_test.cpp classify_merge_test.cpp
          classify_query_test.cpp classify_schema_test.cpp classify_session_test.cpp classify_test.cpp classify_tree_test.cpp
          classify_utility_test.cpp classify_write_test.cpp compiled_table_test.cpp key_graph_test.cpp
          key_test.cpp key_values_test.cpp lexer_test.cpp normalize_test.cpp plan_cache_test.cpp rewrite_test.cpp shape_memo_test.cpp
          route_key_change_test.cpp route_test.cpp statement_test.cpp table_feed_test.cpp
  DEPS foreshard_router_brain nlohmann_json::nlohmann_json)

foreshard_test(unit.router.merge
  SOURCES decimal_test.cpp merge_checks_test.cpp merge_groups_test.cpp merge_tags_test.cpp merge_test.cpp
          merge_value_test.cpp merge_wire_test.cpp
  DEPS foreshard_router_brain)

foreshard_test(unit.router.flow
  SOURCES copy_splitter_test.cpp heat_test.cpp hold_test.cpp kube_table_feed_test.cpp replicas_test.cpp reservoir_test.cpp
          space_saving_test.cpp
  DEPS foreshard_router_brain foreshard_fake_kube_api foreshard_test_support)
