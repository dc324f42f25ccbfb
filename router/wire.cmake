# The half of the router that speaks to clients and servers.
foreshard_library(foreshard_router
  SOURCES loop.cpp loop_stream.cpp scram.cpp tls.cpp
  DEPS foreshard_base foreshard_model foreshard_pg_wire
  PRIVATE_DEPS PkgConfig::LIBUV OpenSSL::SSL OpenSSL::Crypto)
