add_library(foreshard_key_owner_contract OBJECT key_owner_contract.cpp)
    target_link_libraries(foreshard_key_owner_contract PUBLIC foreshard_options GTest::gtest)

        foreshard_test(contract.key_owner.fake SOURCES key_owner_fake_test.cpp DEPS
                           foreshard_key_owner_contract foreshard_fake_migration)
            foreshard_test(contract.key_owner.real SOURCES key_owner_real_test.cpp DEPS
                               foreshard_key_owner_contract foreshard_test_router_bed TIMEOUT 300)
