foreshard_test(unit.operator.scaling
  SOURCES metrics/demand_query_test.cpp metrics/prometheus_json_test.cpp metrics/service_health_test.cpp forecasts/event_calendar_test.cpp forecasts/freeze_test.cpp calendar/cron_test.cpp calendar/occurrences_test.cpp
          forecasts/background_learner_test.cpp forecasts/day_forecast_test.cpp forecasts/forecast_store_test.cpp forecasts/lineage_test.cpp forecasts/load_book_test.cpp
          forecasts/load_book_memory_test.cpp forecasts/retrain_test.cpp controllers/scaling_act_test.cpp controllers/scaling_controller_test.cpp controllers/scaling_decide_test.cpp
          controllers/scaling_observe_test.cpp controllers/scaling_status_test.cpp routers/heat_json_test.cpp
  DEPS foreshard_operator_scaling foreshard_operator_heat_json foreshard_fake_kube_api foreshard_faulty_kube_api
       foreshard_test_support)
foreshard_test(unit.operator.routers
  SOURCES routers/https_client_test.cpp routers/https_heat_source_test.cpp routers/kube_router_directory_test.cpp
  DEPS foreshard_operator_heat foreshard_operator_secrets foreshard_fake_kube_api foreshard_tls_web_server
       foreshard_test_support)
foreshard_test(unit.operator.prometheus_http
  SOURCES metrics/prometheus_http_test.cpp
  DEPS foreshard_operator_metrics foreshard_tls_web_server foreshard_test_support)

foreshard_test(unit.operator.scrape_targets
  SOURCES scrape_targets_test.cpp
  DEPS foreshard_operator_wiring)
