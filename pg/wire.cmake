# The protocol as bytes: no libpq, no sockets.
foreshard_library(foreshard_pg_wire
  SOURCES wire_writer.cpp wire_frontend.cpp wire_backend.cpp wire_startup.cpp
  DEPS foreshard_base)
