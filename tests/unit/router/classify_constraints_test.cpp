#include "router/classify_constraints.h"

#include <gtest/gtest.h>

#include "tests/unit/router/refusals.h"

namespace foreshard::router {
namespace {

TEST(ClassifyConstraints, WhatIsUniqueMustIncludeTheShardingColumn) {
  ExpectRefused("CREATE TABLE orders (customer_id bigint, id int PRIMARY KEY)",
                "PRIMARY KEY \"orders_pkey\" of table public.orders does not include the sharding "
                "column customer_id");
  ExpectRefused("CREATE TABLE orders (customer_id bigint, id int, CONSTRAINT one UNIQUE (id))",
                "UNIQUE constraint \"one\" of table public.orders");
  ExpectRefused("CREATE TABLE orders (customer_id bigint, a int, b int, UNIQUE (a, b))",
                "UNIQUE constraint \"orders_a_b_key\"");
  ExpectRefused("CREATE UNIQUE INDEX i ON orders (id)",
                "UNIQUE index \"i\" of table public.orders does not include");
  ExpectRefused("CREATE UNIQUE INDEX ON orders (lower(note))", "UNIQUE index");
  ExpectRefused("CREATE UNIQUE INDEX CONCURRENTLY i ON orders (id) INCLUDE (customer_id)",
                "UNIQUE index \"i\"");
  ExpectRefused("CREATE UNIQUE INDEX ON orders ((customer_id + 1))", "UNIQUE index");
  ExpectRefused("ALTER TABLE orders ADD PRIMARY KEY (id)", "PRIMARY KEY \"orders_pkey\"");
  ExpectRefused("ALTER TABLE orders ADD CONSTRAINT c UNIQUE (id)", "UNIQUE constraint \"c\"");
  ExpectRefused("ALTER TABLE orders ADD COLUMN x int UNIQUE", "UNIQUE constraint \"orders_x_key\"");
  ExpectRefused("ALTER TABLE orders ADD EXCLUDE USING gist (at WITH &&)",
                "EXCLUDE constraint \"orders_excl\"");
  ExpectRefused("CREATE TABLE orders_1 PARTITION OF orders (UNIQUE (id)) FOR VALUES IN (1)",
                "UNIQUE constraint \"orders_1_id_key\" of table public.orders_1");
  ExpectRefused("CREATE UNIQUE INDEX ON orders_1 (id)", "neither sharded nor a reference table");
  ExpectRefused("CREATE TABLE orders (LIKE customers INCLUDING INDEXES)", "INCLUDING INDEXES");
  ExpectRefused("CREATE TABLE orders (LIKE customers INCLUDING ALL)", "INCLUDING INDEXES");
  for (const char* text :
       {"CREATE TABLE customers (id bigint PRIMARY KEY)",
        "CREATE TABLE orders (customer_id bigint, id int, PRIMARY KEY (customer_id, id))",
        "CREATE TABLE orders (customer_id bigint UNIQUE)",
        "CREATE UNIQUE INDEX ON orders (id, customer_id)",
        "CREATE UNIQUE INDEX ON orders (customer_id) WHERE id > 5", "CREATE INDEX ON orders (id)",
        "CREATE UNIQUE INDEX ON countries (name)", "ALTER TABLE orders ADD UNIQUE (customer_id, x)",
        "ALTER TABLE orders ADD CONSTRAINT p PRIMARY KEY USING INDEX i",
        "ALTER TABLE orders ADD EXCLUDE USING gist (customer_id WITH =, at WITH &&)",
        "ALTER TABLE orders ADD CHECK (id > 5)",
        "CREATE TABLE countries (code text PRIMARY KEY, name text UNIQUE)",
        "CREATE TABLE orders (LIKE customers)",
        "CREATE TABLE orders_1 PARTITION OF orders (UNIQUE (customer_id, id)) FOR VALUES IN (1)"}) {
    EXPECT_EQ(AnswerTo(text), "all") << text;
  }
}

TEST(ClassifyConstraints, AForeignKeyGoesAlongTheShardingColumns) {
  const std::string not_along = "does not go along the sharding columns";
  ExpectRefused("ALTER TABLE orders ADD FOREIGN KEY (id) REFERENCES customers (id)", not_along);
  ExpectRefused("ALTER TABLE orders ADD CONSTRAINT f FOREIGN KEY (x) REFERENCES customers",
                "FOREIGN KEY \"f\" of table public.orders");
  ExpectRefused(
      "CREATE TABLE customers (id bigint PRIMARY KEY, parent bigint REFERENCES customers)",
      not_along);
  ExpectRefused("ALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES customers (parent)",
                not_along);
  ExpectRefused("ALTER TABLE orders ADD FOREIGN KEY (customer_id, id) REFERENCES customers",
                not_along);
  ExpectRefused("CREATE TABLE countries (code text, best bigint REFERENCES customers (id))",
                "refers to the sharded table public.customers");
  ExpectRefused(
      "ALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES customers ON DELETE SET NULL",
      "would change the sharding column customer_id");
  ExpectRefused(
      "ALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES countries ON UPDATE CASCADE",
      "would change the sharding column customer_id");
  for (const char* text :
       {"CREATE TABLE orders (customer_id bigint REFERENCES customers, id int)",
        "CREATE TABLE orders (customer_id bigint REFERENCES customers (id) ON DELETE CASCADE)",
        "ALTER TABLE orders ADD FOREIGN KEY (n, customer_id) REFERENCES customers (name, id)",
        "ALTER TABLE orders ADD FOREIGN KEY (country) REFERENCES countries ON UPDATE CASCADE",
        "ALTER TABLE countries ADD FOREIGN KEY (parent) REFERENCES countries"}) {
    EXPECT_EQ(AnswerTo(text), "all") << text;
  }
}

TEST(ClassifyConstraints, CopiesOfAReferenceTableStayEqual) {
  ExpectRefused("CREATE TABLE countries (code text, at timestamptz DEFAULT now())",
                "now() gives each shard another value");
  ExpectRefused("CREATE TABLE countries (code text, at date DEFAULT CURRENT_DATE)",
                "the current time gives each shard another value");
  ExpectRefused("CREATE TABLE countries (id bigserial)", "each shard's own sequence");
  ExpectRefused("CREATE TABLE countries (id int GENERATED ALWAYS AS IDENTITY)",
                "each shard's own sequence");
  ExpectRefused("ALTER TABLE countries ADD COLUMN u uuid DEFAULT gen_random_uuid()",
                "gen_random_uuid()");
  ExpectRefused("ALTER TABLE countries ALTER COLUMN x SET DEFAULT random()", "random()");
  ExpectRefused("ALTER TABLE countries ALTER COLUMN x ADD GENERATED BY DEFAULT AS IDENTITY",
                "each shard's own sequence");
  EXPECT_EQ(AnswerTo("CREATE TABLE countries (code text DEFAULT 'x', n int DEFAULT 5 + 1)"), "all");
  EXPECT_EQ(AnswerTo("CREATE TABLE orders (customer_id bigint, at timestamptz DEFAULT now())"),
            "all");
}

TEST(ClassifyConstraints, TheShardingColumnIsThereAndOfTheKeysType) {
  ExpectRefused("CREATE TABLE orders (id bigint)", "has no column customer_id");
  ExpectRefused("CREATE TABLE orders (customer_id numeric)", "of type numeric");
  ExpectRefused("CREATE TABLE orders (customer_id bigint[])", "sharding column");
  ExpectRefused("CREATE RULE r AS ON INSERT TO orders DO INSTEAD NOTHING", "CREATE RULE");
  ExpectRefused(
      "CREATE COLLATION c (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
      "nondeterministic collation");
  EXPECT_EQ(AnswerTo("CREATE COLLATION c (provider = icu, locale = 'de')"), "all");
  EXPECT_EQ(AnswerTo("CREATE TABLE orders (customer_id int)"), "all");
  EXPECT_EQ(AnswerTo("CREATE TABLE orders (customer_id bigserial PRIMARY KEY)"), "all");
}

}  // namespace
}  // namespace foreshard::router
