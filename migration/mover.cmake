# The half that talks SQL: the body of the seam, the schema of a shard, the mover's steps.
file(READ "${CMAKE_CURRENT_SOURCE_DIR}/shard_schema.sql" FORESHARD_SHARD_SCHEMA)
string(SHA256 FORESHARD_SHARD_SCHEMA_DIGEST "${FORESHARD_SHARD_SCHEMA}")
string(SUBSTRING "${FORESHARD_SHARD_SCHEMA_DIGEST}" 0 16 FORESHARD_SHARD_SCHEMA_DIGEST)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/shard_schema.sql")
configure_file(shard_schema_text.h.in "${CMAKE_BINARY_DIR}/generated/migration/shard_schema_text.h" @ONLY)

# Apart, so that the operator installs it without linking the mover.
foreshard_library(foreshard_shard_schema
  SOURCES shard_schema.cpp
  DEPS foreshard_pg
  PRIVATE_DEPS fmt::fmt)
target_include_directories(foreshard_shard_schema PRIVATE "${CMAKE_BINARY_DIR}/generated")

foreshard_library(foreshard_mover
  SOURCES predicate.cpp shard_objects.cpp pg_shard_sql.cpp pg_shard.cpp
  DEPS foreshard_migration foreshard_pg foreshard_shard_schema
  PRIVATE_DEPS fmt::fmt)
target_include_directories(foreshard_mover PRIVATE "${CMAKE_BINARY_DIR}/generated")
