foreshard_test(unit.operator.plans
  SOURCES plans/archive_test.cpp plans/problem_json_test.cpp plans/problem_store_test.cpp
  DEPS foreshard_operator_plans foreshard_fake_kube_api foreshard_faulty_kube_api foreshard_test_support)
