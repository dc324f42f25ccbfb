// main PORT PASSWORD: libpq itself through the router, mostly in pipeline mode.
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(int good, PGconn *connection, const char *what) {
  if (good) return;
  fprintf(stderr, "%s: %s\n", what, connection == NULL ? "" : PQerrorMessage(connection));
  exit(1);
}

static PGconn *connect_to(const char *port, const char *password) {
  const char *names[] = {"host", "port", "user", "dbname", "password", "sslmode", "channel_binding", NULL};
  const char *values[] = {"127.0.0.1", port, "app", "app", password, "require", "require", NULL};
  PGconn *connection = PQconnectdbParams(names, values, 0);
  check(PQstatus(connection) == CONNECTION_OK, connection, "connect");
  check(PQsslInUse(connection), connection, "TLS");
  return connection;
}

// The next result must have this status and, if `value` is not NULL, this first value.
static void expect(PGconn *connection, ExecStatusType status, const char *value) {
  PGresult *result = PQgetResult(connection);
  check(result != NULL && PQresultStatus(result) == status, connection,
        result == NULL ? "no result" : PQresStatus(PQresultStatus(result)));
  if (value != NULL) check(strcmp(PQgetvalue(result, 0, 0), value) == 0, connection, value);
  PQclear(result);
  if (status != PGRES_PIPELINE_SYNC && status != PGRES_COPY_IN && status != PGRES_COPY_OUT)
    check(PQgetResult(connection) == NULL, connection, "a result too many");
}

static void send_read(PGconn *connection, const char *key) {
  check(PQsendQueryPrepared(connection, "one", 1, &key, NULL, NULL, 0), connection, "a read");
}

static void send_text(PGconn *connection, const char *sql) {
  check(PQsendQueryParams(connection, sql, 0, NULL, NULL, NULL, NULL, 0), connection, sql);
}

// Prepared once, used over and over, all of it before the first answer is read.
static void prepared_in_pipelines(PGconn *connection) {
  const char *keys[] = {"1", "2", "3", "4", "5", "6", "7", "8"};
  check(PQenterPipelineMode(connection), connection, "pipeline");
  check(PQsendPrepare(connection, "one", "SELECT id FROM customers WHERE id = $1", 0, NULL), connection, "prepare");
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 8; ++i) send_read(connection, keys[i]);
    check(PQpipelineSync(connection), connection, "sync");
  }
  expect(connection, PGRES_COMMAND_OK, NULL);
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 8; ++i) expect(connection, PGRES_TUPLES_OK, keys[i]);
    expect(connection, PGRES_PIPELINE_SYNC, NULL);
  }
}

// A transaction over both shards inside of one pipeline; then one that fails and takes all of its pipeline back.
static void transactions_in_pipelines(PGconn *connection) {
  send_text(connection, "BEGIN");
  send_text(connection, "UPDATE customers SET v = 1 WHERE id IN (1, 2, 3, 4)");
  send_text(connection, "COMMIT");
  check(PQpipelineSync(connection), connection, "sync");
  for (int i = 0; i < 3; ++i) expect(connection, PGRES_COMMAND_OK, NULL);
  expect(connection, PGRES_PIPELINE_SYNC, NULL);

  send_text(connection, "UPDATE customers SET v = 9 WHERE id = 1");
  send_text(connection, "SELECT 1 / (id - 1) FROM customers WHERE id = 1");
  send_text(connection, "UPDATE customers SET v = 8 WHERE id = 1");
  check(PQpipelineSync(connection), connection, "sync");
  send_text(connection, "SELECT sum(v) FROM customers");
  check(PQpipelineSync(connection), connection, "sync");
  expect(connection, PGRES_COMMAND_OK, NULL);
  expect(connection, PGRES_FATAL_ERROR, NULL);
  expect(connection, PGRES_PIPELINE_ABORTED, NULL);
  expect(connection, PGRES_PIPELINE_SYNC, NULL);
  expect(connection, PGRES_TUPLES_OK, "4");
  expect(connection, PGRES_PIPELINE_SYNC, NULL);
}

// Flush without Sync: the answer comes before the pipeline ends.
static void flushes(PGconn *connection) {
  send_read(connection, "5");
  check(PQsendFlushRequest(connection) && PQflush(connection) == 0, connection, "flush");
  expect(connection, PGRES_TUPLES_OK, "5");
  check(PQpipelineSync(connection), connection, "sync");
  expect(connection, PGRES_PIPELINE_SYNC, NULL);
  check(PQexitPipelineMode(connection), connection, "leave the pipeline");
}

static void copies(PGconn *connection) {
  check(PQsendQuery(connection, "COPY customers(id, name) FROM STDIN"), connection, "COPY");
  expect(connection, PGRES_COPY_IN, NULL);
  for (int key = 200; key < 400; ++key) {
    char row[64];
    int length = snprintf(row, sizeof row, "%d\tname %d\n", key, key);
    check(PQputCopyData(connection, row, length) == 1, connection, "a row");
  }
  check(PQputCopyEnd(connection, NULL) == 1, connection, "the end of COPY");
  expect(connection, PGRES_COMMAND_OK, NULL);
  check(PQsendQuery(connection, "COPY (SELECT name FROM customers WHERE id = 305) TO STDOUT"), connection, "COPY out");
  expect(connection, PGRES_COPY_OUT, NULL);
  char *row = NULL;
  check(PQgetCopyData(connection, &row, 0) == 9 && strcmp(row, "name 305\n") == 0, connection, "a row of COPY out");
  PQfreemem(row);
  check(PQgetCopyData(connection, &row, 0) == -1, connection, "the end of COPY out");
  expect(connection, PGRES_COMMAND_OK, NULL);
}

// In the middle of a pipeline: what runs is cancelled, what follows is not run, the connection goes on.
static void cancels(PGconn *connection) {
  check(PQenterPipelineMode(connection), connection, "pipeline");
  send_text(connection, "SELECT pg_sleep(60)");
  send_text(connection, "UPDATE customers SET v = 9 WHERE id = 1");
  check(PQpipelineSync(connection), connection, "sync");
  PGcancel *cancel = PQgetCancel(connection);
  char error[256];
  struct pollfd answer = {.fd = PQsocket(connection), .events = POLLIN};
  do {  // One that comes before the statement runs hits nothing.
    check(PQcancel(cancel, error, sizeof error), connection, "cancel");
  } while (poll(&answer, 1, 100) == 0);
  PQfreeCancel(cancel);
  expect(connection, PGRES_FATAL_ERROR, NULL);
  expect(connection, PGRES_PIPELINE_ABORTED, NULL);
  expect(connection, PGRES_PIPELINE_SYNC, NULL);
  check(PQexitPipelineMode(connection), connection, "leave the pipeline");
  check(PQsendQuery(connection, "SELECT v FROM customers WHERE id = 1"), connection, "after it");
  expect(connection, PGRES_TUPLES_OK, "1");
}

int main(int count, char **arguments) {
  check(count == 3, NULL, "main PORT PASSWORD");
  PGconn *connection = connect_to(arguments[1], arguments[2]);
  prepared_in_pipelines(connection);
  transactions_in_pipelines(connection);
  flushes(connection);
  copies(connection);
  cancels(connection);
  PQfinish(connection);
  puts("all good");
  return 0;
}
