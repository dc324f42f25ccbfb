# The half that talks SQL: the body of the seam, the schema of a shard, the mover's steps.
set(FORESHARD_SHARD_SCHEMA "")
foreach(part shard_schema.sql shard_copy_role.sql shard_decisions.sql)
  file(READ "${CMAKE_CURRENT_SOURCE_DIR}/${part}" text)
  string(APPEND FORESHARD_SHARD_SCHEMA "${text}")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/${part}")
endforeach()
string(SHA256 FORESHARD_SHARD_SCHEMA_DIGEST "${FORESHARD_SHARD_SCHEMA}")
string(SUBSTRING "${FORESHARD_SHARD_SCHEMA_DIGEST}" 0 16 FORESHARD_SHARD_SCHEMA_DIGEST)
configure_file(shard_schema_text.h.in "${CMAKE_BINARY_DIR}/generated/migration/shard_schema_text.h" @ONLY)

foreshard_library(foreshard_crash_points
  SOURCES crash_points.cpp
  DEPS foreshard_base
  PRIVATE_DEPS fmt::fmt)

# Apart, so that the operator installs it without linking the mover.
foreshard_library(foreshard_shard_schema
  SOURCES shard_schema.cpp
  DEPS foreshard_pg
  PRIVATE_DEPS fmt::fmt)
target_include_directories(foreshard_shard_schema PRIVATE "${CMAKE_BINARY_DIR}/generated")

foreshard_library(foreshard_mover
  SOURCES predicate.cpp shard_objects.cpp pg_shard_sql.cpp pg_shard.cpp pg_shard_connections.cpp catalog.cpp
          partitions.cpp pg_dump.cpp preflight_sql.cpp preflight.cpp snapshot_keeper.cpp mover_work.cpp
          mover_prepare.cpp mover_throttle.cpp copy_rate.cpp copier.cpp mover_copy.cpp mover_catch_up.cpp mover_warm.cpp digest.cpp verify.cpp
          cleanup.cpp sweeper.cpp audit.cpp pg_audit.cpp mover_probe.cpp mover.cpp
  DEPS foreshard_migration foreshard_pg foreshard_crash_points foreshard_shard_schema
  PRIVATE_DEPS fmt::fmt)
target_include_directories(foreshard_mover PRIVATE "${CMAKE_BINARY_DIR}/generated")

foreshard_library(foreshard_mover_exporter
  SOURCES exporter.cpp
  DEPS foreshard_mover
  PRIVATE_DEPS PkgConfig::PROMETHEUS fmt::fmt)

foreshard_program(foreshard-mover
  SOURCES main.cpp
  DEPS foreshard_mover foreshard_mover_exporter foreshard_crash_points CLI11::CLI11 fmt::fmt)
