add_library(foreshard_router_control_contract OBJECT router_control_contract.cpp)
target_link_libraries(foreshard_router_control_contract
  PUBLIC foreshard_options foreshard_operator_migration GTest::gtest)

foreshard_test(contract.router_control.fake
  SOURCES router_control_fake_test.cpp
  DEPS foreshard_router_control_contract foreshard_fake_migration)
foreshard_test(contract.router_control.real
  SOURCES router_control_real_test.cpp
  DEPS foreshard_router_control_contract foreshard_test_router_bed foreshard_operator_routers
       foreshard_operator_secrets
  TIMEOUT 300)
