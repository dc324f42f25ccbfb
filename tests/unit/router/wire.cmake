foreshard_test(unit.router.session
  SOURCES access_log_test.cpp session_test.cpp session_retry_test.cpp session_named_owner_test.cpp session_commit_test.cpp session_move_test.cpp session_prepared_test.cpp
          session_several_test.cpp session_proof_test.cpp session_reads_test.cpp session_set_test.cpp session_pool_test.cpp state_test.cpp
          pool_test.cpp session_loss_test.cpp session_reply_test.cpp
  DEPS foreshard_router foreshard_test_support
  ARGS --gtest_filter=-*.Long*)
foreshard_script_test(unit.router.session_long
  COMMAND unit_router_session --gtest_filter=*.Long*
  LABELS long
  TIMEOUT 1200)
foreshard_test(unit.router.loop
  SOURCES loop_test.cpp loop_connect_test.cpp loop_pace_test.cpp loop_stream_test.cpp tcp_patience_test.cpp
  DEPS foreshard_router)
foreshard_test(unit.router.startup
  SOURCES greeter_test.cpp server_login_test.cpp tls_test.cpp
  DEPS foreshard_router foreshard_operator_secrets foreshard_test_support)
