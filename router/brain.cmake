# The half of the router that decides: pure, no sockets.
foreshard_library(foreshard_router_brain
  SOURCES catalogue.cpp classify.cpp classify_config.cpp classify_constraints.cpp classify_copy.cpp classify_expressions.cpp classify_facts.cpp classify_functions.cpp classify_merge.cpp classify_query.cpp
          classify_schema.cpp classify_session.cpp classify_tree.cpp classify_utility.cpp classify_with.cpp classify_write.cpp compiled_table.cpp
          copy_splitter.cpp decimal.cpp heat.cpp hold.cpp key.cpp key_graph.cpp key_values.cpp
          kube_table_feed.cpp lexer.cpp merge.cpp merge_checks.cpp merge_groups.cpp merge_tags.cpp merge_value.cpp
          merge_wire.cpp normalize.cpp plan_cache.cpp replicas.cpp reservoir.cpp rewrite.cpp route.cpp route_key_change.cpp shape_memo.cpp
          statement.cpp table_feed.cpp
  DEPS foreshard_base foreshard_model foreshard_kube
  PRIVATE_DEPS nlohmann_json::nlohmann_json foreshard_pg_query)
