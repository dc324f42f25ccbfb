// Client.java PORT PASSWORD: pgjdbc through the router.
import java.io.StringReader;
import java.io.StringWriter;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Arrays;
import java.util.Properties;
import java.util.concurrent.CompletableFuture;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyManager;

public class Client {
  static void check(boolean good, String what, Object seen) {
    if (!good) throw new AssertionError(what + ": " + seen);
  }

  static long number(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(sql)) {
      rows.next();
      return rows.getLong(1);
    }
  }

  static long read(PreparedStatement statement, long key) throws SQLException {
    statement.setLong(1, key);
    try (ResultSet rows = statement.executeQuery()) {
      check(rows.next(), "a row of", key);
      return rows.getLong(1);
    }
  }

  // From the third use on the statement has a name on the server, and its answers are binary.
  static void preparedStatements(Connection connection) throws SQLException {
    try (PreparedStatement one = connection.prepareStatement("SELECT id FROM customers WHERE id = ?")) {
      for (int round = 0; round < 2; round++) {
        for (long key = 1; key <= 8; key++) check(read(one, key) == key, "a prepared read of", key);
      }
    }
    String sql = "SELECT count(*) FROM customers WHERE id = ANY(?)";
    try (PreparedStatement several = connection.prepareStatement(sql)) {
      for (int use = 0; use < 5; use++) {
        several.setArray(1, connection.createArrayOf("bigint", new Long[] {3L, 1L, 2L}));
        try (ResultSet rows = several.executeQuery()) {
          check(rows.next() && rows.getLong(1) == 3, "keys of several shards", use);
        }
      }
    }
  }

  // Several rows in one round trip, with keys of both shards.
  static void batches(Connection connection) throws SQLException {
    connection.setAutoCommit(false);
    try (PreparedStatement write = connection.prepareStatement("UPDATE customers SET v = ? WHERE id = ?")) {
      for (long key = 1; key <= 8; key++) {
        write.setLong(1, 10 * key);
        write.setLong(2, key);
        write.addBatch();
      }
      int[] counts = write.executeBatch();
      check(Arrays.stream(counts).sum() == 8, "a batch", Arrays.toString(counts));
    }
    connection.rollback();
    connection.setAutoCommit(true);
  }

  static void update(Connection connection, long value) throws SQLException {
    String sql = "UPDATE customers SET v = ? WHERE id IN (1, 2, 3, 4)";
    try (PreparedStatement write = connection.prepareStatement(sql)) {
      write.setLong(1, value);
      int count = write.executeUpdate();
      check(count == 4, "rows of an update over shards", count);
    }
  }

  static void transactions(Connection connection) throws SQLException {
    connection.setAutoCommit(false);
    update(connection, 5);
    connection.rollback();
    check(number(connection, "SELECT sum(v) FROM customers") == 0, "rolled back", 0);
    update(connection, 1);
    connection.commit();
    check(number(connection, "SELECT sum(v) FROM customers") == 4, "committed", 4);
    connection.setAutoCommit(true);
    try (Statement statement = connection.createStatement()) {
      statement.executeUpdate("INSERT INTO customers(id) VALUES (3)");
      check(false, "no error of", "a duplicate");
    } catch (SQLException error) {
      check("23505".equals(error.getSQLState()), "a duplicate", error);
    }
  }

  // A fetch size asks for the rows page by page: Execute with a row limit, in a transaction.
  static void pages(Connection connection) throws SQLException {
    connection.setAutoCommit(false);
    String sql = "SELECT id FROM customers WHERE id < 100 ORDER BY id";
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      statement.setFetchSize(3);
      try (ResultSet rows = statement.executeQuery()) {
        for (long key = 1; key <= 8; key++) check(rows.next() && rows.getLong(1) == key, "a page with", key);
        check(!rows.next(), "a row after", "the last");
      }
    }
    connection.commit();
    connection.setAutoCommit(true);
  }

  static void copies(Connection connection) throws Exception {
    CopyManager copy = connection.unwrap(PGConnection.class).getCopyAPI();
    StringBuilder lines = new StringBuilder();
    for (long key = 200; key < 400; key++) lines.append(key).append("\tname ").append(key).append('\n');
    long count = copy.copyIn("COPY customers(id, name) FROM STDIN", new StringReader(lines.toString()));
    check(count == 200, "COPY in", count);
    check(number(connection, "SELECT count(*) FROM customers WHERE id >= 200") == 200, "copied", 200);
    StringWriter out = new StringWriter();
    copy.copyOut("COPY (SELECT id, name FROM customers WHERE id = 305) TO STDOUT", out);
    check(out.toString().equals("305\tname 305\n"), "COPY out", out);
  }

  // What tools ask of every database when they draw a tree of it.
  static void describes(Connection connection) throws SQLException {
    DatabaseMetaData about = connection.getMetaData();
    try (ResultSet columns = about.getColumns(null, "public", "customers", "%")) {
      check(columns.next() && columns.getString("COLUMN_NAME").equals("id"), "columns of", "customers");
    }
    try (ResultSet keys = about.getPrimaryKeys(null, "public", "customers")) {
      check(keys.next() && keys.getString("COLUMN_NAME").equals("id"), "primary key of", "customers");
    }
  }

  // One request, as soon as the statement is seen to run where key 1 is.
  static void cancels(Connection connection, Connection other) throws Exception {
    try (Statement sleeping = connection.createStatement()) {
      CompletableFuture<String> state = CompletableFuture.supplyAsync(() -> {
        try {
          sleeping.execute("SELECT pg_sleep(60) FROM customers WHERE id = 1");
          return "no error";
        } catch (SQLException error) {
          return error.getSQLState();
        }
      });
      String seen = "/* foreshard.shard_key='1' */ SELECT count(*) FROM pg_stat_activity "
          + "WHERE state = 'active' AND query LIKE 'SELECT pg_sleep(60)%'";
      while (number(other, seen) == 0) Thread.sleep(10);
      sleeping.cancel();
      check(state.get().equals("57014"), "cancel", state.get());
    }
    check(number(connection, "SELECT 1") == 1, "after", "cancel");
  }

  public static void main(String[] arguments) throws Exception {
    Properties options = new Properties();
    options.setProperty("user", "app");
    options.setProperty("password", arguments[1]);
    options.setProperty("sslmode", "require");
    options.setProperty("prepareThreshold", "3");
    String url = "jdbc:postgresql://127.0.0.1:" + arguments[0] + "/app";
    try (Connection connection = DriverManager.getConnection(url, options)) {
      preparedStatements(connection);
      batches(connection);
      transactions(connection);
      pages(connection);
      copies(connection);
      describes(connection);
      try (Connection other = DriverManager.getConnection(url, options)) {
        cancels(connection, other);
      }
    }
    System.out.println("all good");
  }
}
