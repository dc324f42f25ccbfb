foreshard_test(unit.operator.migration_store
  SOURCES controllers/kube_migration_store_test.cpp
  DEPS foreshard_operator_migration_kube foreshard_fake_kube_api)
foreshard_test(unit.operator.migration
  SOURCES controllers/cutover_loop_test.cpp controllers/migration_act_test.cpp controllers/migration_controller_test.cpp controllers/migration_decide_test.cpp
          controllers/migration_status_test.cpp
  DEPS foreshard_operator_migration foreshard_fake_migration foreshard_test_support)

foreshard_test(unit.operator.records
  SOURCES records/move_record_test.cpp records/move_record_store_test.cpp
  DEPS foreshard_operator_records foreshard_fake_kube_api foreshard_faulty_kube_api foreshard_test_support)

foreshard_test(unit.operator.held_routers
  SOURCES routers/held_routers_test.cpp
  DEPS foreshard_operator_routers)
