# The planner's question as text, kept and asked again.
foreshard_library(foreshard_operator_plans
  SOURCES plans/problem_json.cpp
  DEPS foreshard_operator_api foreshard_planner)
