"""asyncpg_client.py PORT PASSWORD: asyncpg through the router."""
import asyncio
import io
import ssl
import sys

import asyncpg


def connect(alpn=None, **more):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols([alpn])
    return asyncpg.connect(host="127.0.0.1", port=int(sys.argv[1]), user="app", database="app", password=sys.argv[2],
                           ssl=context, **more)


async def direct_tls():
    """As PostgreSQL 17's sslnegotiation=direct: with ALPN, or not at all."""
    try:
        await connect(direct_tls=True)
        sys.exit("connected without ALPN")
    except (ConnectionError, asyncpg.PostgresError):
        pass
    connection = await connect(direct_tls=True, alpn="postgresql")
    assert await connection.fetchval("SELECT 1") == 1
    await connection.close()


async def prepared_statements(connection):
    statement = await connection.prepare("SELECT id, name FROM customers WHERE id = $1")
    for key in range(1, 9):
        row = await statement.fetchrow(key)
        assert (row["id"], row["name"]) == (key, None), row
    rows = await connection.fetch("SELECT id FROM customers WHERE id = ANY($1::bigint[]) ORDER BY id", [3, 1, 2])
    assert [row["id"] for row in rows] == [1, 2, 3]
    assert await connection.fetchval("SELECT count(*) FROM customers") == 8


async def transactions(connection):
    try:
        async with connection.transaction():
            await connection.execute("UPDATE customers SET v = 5 WHERE id = ANY($1::bigint[])", [1, 2, 3, 4])
            raise KeyError("rolled back")
    except KeyError:
        pass
    assert await connection.fetchval("SELECT sum(v) FROM customers") == 0
    async with connection.transaction():
        await connection.execute("UPDATE customers SET v = 1 WHERE id = ANY($1::bigint[])", [1, 2, 3, 4])
    assert await connection.fetchval("SELECT sum(v) FROM customers") == 4
    await connection.executemany("UPDATE customers SET v = $2 WHERE id = $1", [(5, 7)])
    assert await connection.fetchval("SELECT v FROM customers WHERE id = 5") == 7
    try:
        await connection.execute("INSERT INTO customers(id) VALUES ($1)", 3)
        sys.exit("no error")
    except asyncpg.UniqueViolationError as error:
        assert error.sqlstate == "23505"


async def copies(connection):
    text = "".join("%d\tname %d\n" % (key, key) for key in range(200, 300))
    await connection.copy_to_table("customers", source=io.BytesIO(text.encode()), columns=["id", "name"])
    await connection.copy_records_to_table("customers", columns=["id", "name"],
                                           records=[(key, "name %d" % key) for key in range(300, 400)])
    out = io.BytesIO()
    await connection.copy_from_query("SELECT id, name FROM customers WHERE id = $1", 305, output=out)
    assert out.getvalue() == b"305\tname 305\n", out.getvalue()
    assert await connection.fetchval("SELECT count(*) FROM customers WHERE id >= 200") == 200


async def cancels(connection):
    try:
        await connection.execute("SELECT pg_sleep(60)", timeout=0.5)
        sys.exit("not cancelled")
    except asyncio.TimeoutError:
        pass
    assert await connection.fetchval("SELECT 1") == 1


async def main():
    await direct_tls()
    connection = await connect()
    await prepared_statements(connection)
    await transactions(connection)
    await copies(connection)
    await cancels(connection)
    await connection.close()


asyncio.run(main())
print("all good")
