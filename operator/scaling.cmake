# Reading Prometheus: cpprestsdk stays in prometheus_http.cpp, JSON in prometheus_json.cpp.
foreshard_library(foreshard_operator_metrics
  SOURCES metrics/demand_query.cpp metrics/prometheus_http.cpp metrics/prometheus_json.cpp
          metrics/service_health.cpp
  DEPS foreshard_model foreshard_migration
  PRIVATE_DEPS nlohmann_json::nlohmann_json cpprestsdk::cpprest OpenSSL::SSL OpenSSL::Crypto)
# As for kube/rest_api.cpp: cpprestsdk's headers do not pass the check of dynamic types.
set_source_files_properties(metrics/prometheus_http.cpp PROPERTIES COMPILE_OPTIONS "-fno-sanitize=vptr")

# metrics -> forecast -> plan -> ShardMigration.
foreshard_library(foreshard_operator_scaling
  SOURCES controllers/scaling_act.cpp controllers/scaling_controller.cpp controllers/scaling_decide.cpp
          controllers/scaling_observe.cpp controllers/scaling_status.cpp forecasts/event_calendar.cpp
          forecasts/background_learner.cpp forecasts/day_forecast.cpp forecasts/forecast_store.cpp forecasts/lineage.cpp forecasts/load_book.cpp
          forecasts/load_book_memory.cpp forecasts/retrain.cpp
  DEPS foreshard_operator_calendar foreshard_operator_api foreshard_operator_builders foreshard_operator_metrics foreshard_kube foreshard_forecast foreshard_planner foreshard_operator_plans foreshard_operator_records)

# The routers' heat, over their admin port.
foreshard_library(foreshard_operator_heat_json SOURCES routers/heat_json.cpp DEPS foreshard_operator_api foreshard_model)
foreshard_library(foreshard_operator_heat
  SOURCES routers/https_heat_source.cpp
  DEPS foreshard_operator_heat_json foreshard_operator_migration_kube)
