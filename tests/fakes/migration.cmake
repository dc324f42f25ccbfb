# Shards, routers and the store of a migration, in memory; and any of them with faults.
foreshard_library(foreshard_fake_migration
  SOURCES fake_server.cpp fake_shard.cpp fake_shard_look.cpp fake_router.cpp fake_migration_store.cpp faulty_migration.cpp
  DEPS foreshard_operator_migration)
