foreshard_test(unit.pg.wire
  SOURCES wire_frontend_test.cpp wire_backend_test.cpp wire_startup_test.cpp wire_writer_test.cpp
  DEPS foreshard_pg_wire)
