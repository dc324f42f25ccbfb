add_library(foreshard_shard_contract OBJECT shard_contract.cpp)
target_link_libraries(foreshard_shard_contract PUBLIC foreshard_options foreshard_migration GTest::gtest)

foreshard_test(contract.shard.fake
  SOURCES shard_fake_test.cpp
  DEPS foreshard_shard_contract foreshard_fake_migration)
foreshard_test(contract.shard.real
  SOURCES shard_real_test.cpp
  DEPS foreshard_shard_contract foreshard_test_two_shards
  TIMEOUT 300)
