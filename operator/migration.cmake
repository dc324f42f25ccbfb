# The migration controller and its way to the routers.
foreshard_library(foreshard_operator_migration
  SOURCES controllers/cutover_loop.cpp controllers/cutover_loop_switch.cpp controllers/moved_keys.cpp
          controllers/migration_observe.cpp controllers/migration_decide.cpp controllers/migration_decide_begin.cpp
          controllers/migration_decide_end.cpp controllers/migration_decide_terminal.cpp
          controllers/migration_status.cpp controllers/migration_act.cpp
          controllers/migration_controller.cpp
  DEPS foreshard_operator_builders foreshard_operator_api foreshard_migration foreshard_model foreshard_base)

foreshard_library(foreshard_operator_routers
  SOURCES routers/held_routers.cpp routers/https_client.cpp routers/https_router_control.cpp
  DEPS foreshard_backup foreshard_operator_api foreshard_model foreshard_base Threads::Threads
  PRIVATE_DEPS OpenSSL::SSL OpenSSL::Crypto)

# What migrations that are over have taught.
foreshard_library(foreshard_operator_records
  SOURCES records/move_record.cpp records/move_record_store.cpp
  DEPS foreshard_operator_builders foreshard_operator_api foreshard_kube foreshard_model foreshard_base)

# The bodies over Kubernetes and PostgreSQL.
foreshard_library(foreshard_operator_migration_kube
  SOURCES builders/mover_job.cpp controllers/kube_migration_store.cpp shards/kube_shard_directory.cpp
          routers/kube_router_directory.cpp
  DEPS foreshard_operator_migration foreshard_operator_routers foreshard_operator_builders foreshard_operator_shards
       foreshard_mover foreshard_pg foreshard_kube)
