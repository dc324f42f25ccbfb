# The planner's question as text, kept and asked again.
foreshard_library(foreshard_operator_plans
  SOURCES plans/problem_json.cpp plans/problem_store.cpp forecasts/freeze.cpp
  DEPS foreshard_operator_calendar foreshard_operator_api foreshard_operator_builders foreshard_kube foreshard_planner)
