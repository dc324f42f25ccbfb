foreshard_test(unit.operator.scaling
  SOURCES metrics/demand_query_test.cpp metrics/prometheus_json_test.cpp
  DEPS foreshard_operator_metrics)
