# The half of the router that decides: pure, no sockets.
foreshard_library(foreshard_router_brain
  SOURCES catalogue.cpp compiled_table.cpp key.cpp lexer.cpp normalize.cpp table_feed.cpp
  DEPS foreshard_base foreshard_model
  PRIVATE_DEPS nlohmann_json::nlohmann_json)
