#pragma once

namespace foreshard::migration {

// public.orders, as TwoShards makes it, becomes a partitioned table: by date, and 2025 and 2026 by
// hash of the key once more; other dates have a partition of their own. A new row gets a date of
// any of them.
inline constexpr const char* kPartitionOrders =
    "SET ROLE app; DROP TABLE public.orders; "
    "CREATE TABLE public.orders (customer_id bigint NOT NULL REFERENCES public.customers, id "
    "bigint "
    "NOT NULL, v bigint NOT NULL DEFAULT 0, pad text, made timestamptz NOT NULL DEFAULT "
    "timestamptz '2025-06-01' + floor(random() * 3) * interval '1 year', price numeric, "
    "PRIMARY KEY (customer_id, made, id)) PARTITION BY RANGE (made); "
    "CREATE TABLE public.orders_2025 PARTITION OF public.orders FOR VALUES FROM ('2025-01-01') TO "
    "('2026-01-01') PARTITION BY HASH (customer_id); "
    "CREATE TABLE public.orders_2026 PARTITION OF public.orders FOR VALUES FROM ('2026-01-01') TO "
    "('2027-01-01') PARTITION BY HASH (customer_id); "
    "CREATE TABLE public.orders_2025_0 PARTITION OF public.orders_2025 FOR VALUES WITH (MODULUS 2, "
    "REMAINDER 0); "
    "CREATE TABLE public.orders_2025_1 PARTITION OF public.orders_2025 FOR VALUES WITH (MODULUS 2, "
    "REMAINDER 1); "
    "CREATE TABLE public.orders_2026_0 PARTITION OF public.orders_2026 FOR VALUES WITH (MODULUS 2, "
    "REMAINDER 0); "
    "CREATE TABLE public.orders_2026_1 PARTITION OF public.orders_2026 FOR VALUES WITH (MODULUS 2, "
    "REMAINDER 1); "
    "CREATE TABLE public.orders_rest PARTITION OF public.orders DEFAULT; "
    "CREATE INDEX orders_made ON public.orders (made); RESET ROLE";

// Sends a row to the next partition: within 2025 to 2027, round and round.
inline constexpr const char* kNextPartition =
    "made = CASE WHEN made < '2027-01-01' THEN made + interval '1 year' ELSE made - interval '2 "
    "years' END";

}  // namespace foreshard::migration
