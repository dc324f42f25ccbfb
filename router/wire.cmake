# The half of the router that speaks to clients and servers.
foreshard_library(foreshard_router
  SOURCES access_log.cpp loop.cpp loop_connect.cpp loop_pace.cpp loop_stream.cpp scram.cpp tls.cpp users.cpp greeter.cpp server_login.cpp prepared.cpp session_settings.cpp tcp_patience.cpp
          session.cpp session_simple.cpp session_extended.cpp session_local.cpp session_reply.cpp session_fanout.cpp
          session_commit.cpp session_copy.cpp session_execute.cpp session_move.cpp session_pages.cpp session_prepared.cpp session_several.cpp session_set.cpp session_reads.cpp session_retry.cpp session_aside.cpp session_works.cpp pool.cpp proof.cpp config.cpp state.cpp upstream.cpp
          client.cpp worker.cpp worker_control.cpp worker_decisions.cpp worker_doubt.cpp worker_replicas.cpp worker_upstreams.cpp shard_call.cpp http.cpp admin.cpp exporter.cpp service.cpp
  DEPS foreshard_base foreshard_model foreshard_pg_wire foreshard_router_brain
  PRIVATE_DEPS PkgConfig::LIBUV OpenSSL::SSL OpenSSL::Crypto nlohmann_json::nlohmann_json PkgConfig::PROMETHEUS)

foreshard_program(foreshard-router
  SOURCES main.cpp
  DEPS foreshard_router foreshard_kube_rest foreshard_kube CLI11::CLI11 WHOLE_PROGRAM)
