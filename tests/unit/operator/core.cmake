foreshard_library(foreshard_shardset_world
  SOURCES controllers/shardset_world.cpp
  DEPS foreshard_operator_shardset foreshard_fake_kube_api GTest::gtest)

foreshard_test(unit.operator.shardset
  SOURCES controllers/roll_limit_test.cpp controllers/shardset_decide_certificates_test.cpp
          controllers/shardset_decide_rolling_test.cpp controllers/shardset_manners_test.cpp
          controllers/shardset_status_rolling_test.cpp
          controllers/restore_record_test.cpp controllers/shardset_restore_test.cpp
          controllers/shardset_test.cpp
  DEPS foreshard_shardset_world)
foreshard_test(unit.operator.shardset_faults
  SOURCES controllers/shardset_faults_test.cpp
  DEPS foreshard_shardset_world foreshard_faulty_kube_api
  ARGS --gtest_filter=ShardSetFaults.*
  TIMEOUT 600)
foreshard_script_test(unit.operator.shardset_faults_long
  COMMAND unit_operator_shardset_faults --gtest_filter=ShardSetFaultsLong.*
  LABELS long
  TIMEOUT 1200)

foreshard_test(unit.operator.api
  SOURCES api/audit_json_test.cpp api/backup_json_test.cpp api/reserved_parameters_test.cpp
          api/restore_spec_test.cpp api/value_test.cpp api/quantity_test.cpp api_test.cpp api/migration_json_test.cpp
          api/routing_table_json_test.cpp
  DEPS foreshard_operator_api)

foreshard_test(unit.operator.core
  SOURCES backoff_test.cpp cached_api_test.cpp certificate_meter_test.cpp certificates_test.cpp event_filter_test.cpp exporter_test.cpp
          health_server_test.cpp listener_test.cpp load_meter_test.cpp migration_meter_test.cpp random_secret_test.cpp scram_verifier_test.cpp
          wiring_test.cpp work_queue_test.cpp
  DEPS foreshard_operator_wiring foreshard_fake_kube_api foreshard_faulty_kube_api foreshard_test_support)

foreshard_test(unit.operator.webhook
  SOURCES webhook/certificate_decide_test.cpp webhook/request_head_test.cpp webhook/review_server_test.cpp
          webhook/review_test.cpp webhook/webhook_controller_test.cpp
  DEPS foreshard_operator_wiring foreshard_fake_kube_api foreshard_test_support)

foreshard_test(unit.operator.audit
  SOURCES controllers/audit_controller_test.cpp controllers/audit_decide_test.cpp
  DEPS foreshard_operator_audit_meter foreshard_fake_kube_api foreshard_test_support)

foreshard_test(unit.operator.backup
  SOURCES controllers/backup_controller_test.cpp controllers/verification_controller_test.cpp
  DEPS foreshard_operator_backup_meter foreshard_fake_kube_api foreshard_test_support)

foreshard_test(unit.operator.points
  SOURCES points/points_test.cpp
  DEPS foreshard_operator_points foreshard_fake_kube_api foreshard_test_support)

foreshard_test(golden.operator.builders
  SOURCES builders_backup_test.cpp builders_restore_test.cpp builders_test.cpp builders_verification_test.cpp
  DEPS foreshard_operator_builders foreshard_test_support)

foreshard_test(unit.operator.status
  SOURCES status/fan_picture_test.cpp status/html_test.cpp status/key_bar_test.cpp status/load_board_test.cpp
          status/migration_part_test.cpp status/page_test.cpp status/set_page_test.cpp
  DEPS foreshard_operator_status foreshard_test_support)
