# Reading Prometheus: cpprestsdk stays in prometheus_http.cpp, JSON in prometheus_json.cpp.
foreshard_library(foreshard_operator_metrics
  SOURCES metrics/demand_query.cpp metrics/prometheus_http.cpp metrics/prometheus_json.cpp
  DEPS foreshard_model
  PRIVATE_DEPS nlohmann_json::nlohmann_json cpprestsdk::cpprest OpenSSL::SSL OpenSSL::Crypto)
