// pgx PORT PASSWORD: pgx 5 through the router.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func must(err error) {
	if err != nil {
		log.Fatalf("%+v", err)
	}
}

func check(good bool, what string, seen any) {
	if !good {
		log.Fatalf("%s: %v", what, seen)
	}
}

func number(ctx context.Context, conn *pgx.Conn, sql string, args ...any) int64 {
	var value int64
	must(conn.QueryRow(ctx, sql, args...).Scan(&value))
	return value
}

// pgx prepares each text once, under a name, and uses it again with binary values.
func preparedStatements(ctx context.Context, conn *pgx.Conn) {
	for round := 0; round < 2; round++ {
		for key := int64(1); key <= 8; key++ {
			got := number(ctx, conn, "SELECT id FROM customers WHERE id = $1", key)
			check(got == key, "a prepared read", got)
		}
	}
	got := number(ctx, conn, "SELECT count(*) FROM customers WHERE id = ANY($1)", []int64{3, 1, 2})
	check(got == 3, "keys of several shards", got)
}

func transactions(ctx context.Context, conn *pgx.Conn) {
	tx, err := conn.Begin(ctx)
	must(err)
	_, err = tx.Exec(ctx, "UPDATE customers SET v = 5 WHERE id = ANY($1)", []int64{1, 2, 3, 4})
	must(err)
	must(tx.Rollback(ctx))
	check(number(ctx, conn, "SELECT sum(v)::bigint FROM customers WHERE id = 1") == 0, "rolled back", nil)
	must(pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE customers SET v = 1 WHERE id = ANY($1)", []int64{1, 2, 3, 4})
		return err
	}))
	check(number(ctx, conn, "SELECT count(*) FROM customers WHERE v = 1") == 4, "committed", nil)
	_, err = conn.Exec(ctx, "INSERT INTO customers(id) VALUES ($1)", 3)
	var refused *pgconn.PgError
	check(errors.As(err, &refused) && refused.Code == "23505", "a duplicate", err)
}

// One message after the other, one Sync at the end.
func batches(ctx context.Context, conn *pgx.Conn) {
	batch := &pgx.Batch{}
	for key := int64(1); key <= 8; key++ {
		batch.Queue("SELECT id FROM customers WHERE id = $1", key)
	}
	results := conn.SendBatch(ctx, batch)
	for key := int64(1); key <= 8; key++ {
		var got int64
		must(results.QueryRow().Scan(&got))
		check(got == key, "a batch", got)
	}
	must(results.Close())
}

func copies(ctx context.Context, conn *pgx.Conn) {
	rows := [][]any{}
	for key := int64(200); key < 400; key++ {
		rows = append(rows, []any{key, fmt.Sprintf("name %d", key)})
	}
	count, err := conn.CopyFrom(ctx, pgx.Identifier{"customers"}, []string{"id", "name"}, pgx.CopyFromRows(rows))
	must(err)
	check(count == 200, "COPY", count)
	check(number(ctx, conn, "SELECT count(*) FROM customers WHERE id >= 200") == 200, "copied", nil)
	var out bytes.Buffer
	_, err = conn.PgConn().CopyTo(ctx, &out, "COPY (SELECT id, name FROM customers WHERE id = 305) TO STDOUT")
	must(err)
	check(out.String() == "305\tname 305\n", "COPY out", out.String())
}

// A context that ends closes the connection of pgx; the request itself must end the query.
func cancels(ctx context.Context, conn *pgx.Conn) {
	ended := make(chan error, 1)
	go func() {
		_, err := conn.Exec(ctx, "SELECT pg_sleep(60)")
		ended <- err
	}()
	for {
		must(conn.PgConn().CancelRequest(ctx))
		select {
		case err := <-ended:
			var refused *pgconn.PgError
			check(errors.As(err, &refused) && refused.Code == "57014", "cancel", err)
			check(number(ctx, conn, "SELECT 1::bigint") == 1, "after it", nil)
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func main() {
	ctx, stop := context.WithTimeout(context.Background(), 60*time.Second)
	defer stop()
	conn, err := pgx.Connect(ctx, fmt.Sprintf(
		"host=127.0.0.1 port=%s user=app dbname=app password=%s sslmode=require", os.Args[1], os.Args[2]))
	must(err)
	preparedStatements(ctx, conn)
	transactions(ctx, conn)
	batches(ctx, conn)
	copies(ctx, conn)
	cancels(ctx, conn)
	must(conn.Close(ctx))
	fmt.Println("all good")
}
