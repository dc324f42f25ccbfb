foreshard_library(foreshard_shardset_world
  SOURCES controllers/shardset_world.cpp
  DEPS foreshard_operator_shardset foreshard_fake_kube_api GTest::gtest)

foreshard_test(unit.operator.core
  SOURCES controllers/shardset_controller_test.cpp
  DEPS foreshard_shardset_world)
