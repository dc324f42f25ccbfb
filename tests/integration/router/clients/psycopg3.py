"""psycopg3.py PORT PASSWORD: psycopg 3 through the router, pipelines included."""
import sys
import threading

import psycopg


def connect(**more):
    return psycopg.connect(host="127.0.0.1", port=int(sys.argv[1]), user="app", dbname="app", password=sys.argv[2],
                           sslmode="require", channel_binding="require", **more)


def prepared_statements(connection):
    # From the sixth use on psycopg prepares it by itself; from the first because we ask.
    for _ in range(2):
        for key in range(1, 9):
            row = connection.execute("SELECT id FROM customers WHERE id = %s", (key,), prepare=True).fetchone()
            assert row == (key,), row
    with connection.cursor(binary=True) as cursor:
        cursor.execute("SELECT id, v FROM customers WHERE id = ANY(%s) ORDER BY id", ([3, 1, 2],))
        assert cursor.fetchall() == [(1, 0), (2, 0), (3, 0)]
    connection.commit()


def transactions(connection):
    try:
        with connection.transaction():
            connection.execute("UPDATE customers SET v = 5 WHERE id = ANY(%s)", ([1, 2, 3, 4],))
            with connection.transaction():  # a savepoint
                connection.execute("UPDATE customers SET v = 6 WHERE id = 1")
            raise KeyError("rolled back")
    except KeyError:
        pass
    assert connection.execute("SELECT sum(v) FROM customers").fetchone() == (0,)
    with connection.transaction():
        connection.execute("UPDATE customers SET v = 1 WHERE id = ANY(%s)", ([1, 2, 3, 4],))
    assert connection.execute("SELECT sum(v) FROM customers").fetchone() == (4,)
    try:
        connection.execute("INSERT INTO customers(id) VALUES (3)")
        sys.exit("no error")
    except psycopg.errors.UniqueViolation as error:
        assert error.sqlstate == "23505"
    connection.rollback()


def copies(connection):
    with connection.cursor() as cursor:
        with cursor.copy("COPY customers(id, name) FROM STDIN") as copy:
            for key in range(200, 300):
                copy.write_row((key, "name %d" % key))
        with cursor.copy("COPY customers(id, name) FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["int8", "text"])
            for key in range(300, 400):
                copy.write_row((key, "name %d" % key))
        with cursor.copy("COPY (SELECT id, name FROM customers WHERE id = 305) TO STDOUT") as copy:
            assert list(copy.rows()) == [("305", "name 305")]
    connection.commit()
    assert connection.execute("SELECT count(*) FROM customers WHERE id >= 200").fetchone() == (200,)
    connection.commit()


def pipelines():
    with connect(autocommit=True) as connection, connection.pipeline():
        cursors = [connection.execute("SELECT id FROM customers WHERE id = %s", (key,)) for key in (1, 2, 3, 4)]
        assert [cursor.fetchone() for cursor in cursors] == [(1,), (2,), (3,), (4,)]
    # What follows an error is not run; the connection goes on.
    with connect(autocommit=True) as connection:
        try:
            with connection.pipeline():
                connection.execute("SELECT 1 / (id - 1) FROM customers WHERE id = 1")
                connection.execute("UPDATE customers SET v = 99 WHERE id = 1")
            sys.exit("no error")
        except psycopg.errors.DivisionByZero:
            pass
        seen = connection.execute("SELECT v FROM customers WHERE id = 1").fetchone()
        assert seen == (0,), seen


def cancels(connection):
    def cancel():
        with connect(autocommit=True) as other:
            for _ in range(1000):
                seen = other.execute("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%%pg_sleep(60)' "
                                     "AND state = 'active'").fetchone()[0]
                if seen > 0:
                    break
        connection.cancel()

    thread = threading.Thread(target=cancel)
    thread.start()
    try:
        connection.execute("SELECT pg_sleep(60)")
        sys.exit("not cancelled")
    except psycopg.errors.QueryCanceled:
        connection.rollback()
    thread.join()
    assert connection.execute("SELECT 1").fetchone() == (1,)
    connection.commit()


with connect() as one:
    prepared_statements(one)
    transactions(one)
    copies(one)
    pipelines()
    cancels(one)
print("all good")
