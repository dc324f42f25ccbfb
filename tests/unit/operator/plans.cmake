foreshard_test(unit.operator.plans
  SOURCES plans/archive_test.cpp plans/problem_json_test.cpp
  DEPS foreshard_operator_plans foreshard_test_support)
