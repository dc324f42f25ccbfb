#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "tests/integration/router/bed_test.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

// SQL over four shards: sql/same.sql must answer as one PostgreSQL with all the data does,
// sql/refused.sql must be refused, each with its SQLSTATE and message.

namespace foreshard::router {
namespace {

using support::Good;

const support::Needs kNeeds({"postgres", "psql"});

constexpr const char* kTables =
    "CREATE TABLE customers(id bigint PRIMARY KEY, name text NOT NULL, country text, v int NOT "
    "NULL DEFAULT 0, score numeric(10,2), born date, active boolean, at timestamp, note text);"
    "CREATE TABLE orders(customer_id bigint NOT NULL, id int, total int, country text, note text, "
    "PRIMARY KEY(customer_id, id));"
    "CREATE TABLE countries(code text PRIMARY KEY, name text);"
    "CREATE FUNCTION pure(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 1';"
    "CREATE FUNCTION peek() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM customers';"
    "CREATE FUNCTION mark(bigint) RETURNS void LANGUAGE sql AS 'UPDATE customers SET v = 42 WHERE "
    "id "
    "= $1';"
    "CREATE AGGREGATE product(int) (sfunc = int4mul, stype = int, initcond = '1');";

std::string Rows() {
  std::string sql =
      "INSERT INTO countries VALUES ('at', 'Austria'), ('de', 'Germany'), ('fr', 'France'), "
      "('it', 'Italia');";
  const char* const countries[] = {"'at'", "'de'", "'fr'", "'it'", "'xx'", "NULL"};
  for (int id = 1; id <= 60; ++id) {
    sql += fmt::format(
        "INSERT INTO customers VALUES ({0}, 'name {1}', {2}, {3}, {4}.{5}, '{6}-0{7}-1{8}', {9}, "
        "'2024-01-01 00:00:00'::timestamp + {1} * interval '1 hour', {10});",
        id, id * 7 % 53, countries[id % 6], id % 7, id * 13 % 31 - 8, id % 10, 1960 + id % 40,
        1 + id % 9, id % 10, id % 3 == 0 ? "true" : "false",
        id % 4 == 0 ? "NULL" : fmt::format("'note {}'", id % 11));
    for (int order = 1; order <= id % 6; ++order)
      sql += fmt::format("INSERT INTO orders VALUES ({}, {}, {}, {}, 'n{}');", id, order,
                         (id * 17 + order * 29) % 101, countries[(id + order) % 5], order);
  }
  return sql;
}

std::vector<std::string> Lines(const std::string& file) {
  std::vector<std::string> lines;
  std::istringstream in(support::ReadFile("tests/integration/router/sql/" + file));
  for (std::string line; std::getline(in, line);) {
    if (!line.empty() && !line.starts_with("--")) lines.push_back(line);
  }
  return lines;
}

// Rows of a statement that does not order them come in any order; everything else counts.
std::string Comparable(const std::vector<WireMessage>& messages, bool ordered) {
  if (ordered) return Trace(messages);
  std::vector<WireMessage> sorted = messages;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= sorted.size(); ++i) {
    if (i < sorted.size() && sorted[i].type == 'D') continue;
    std::sort(sorted.begin() + static_cast<std::ptrdiff_t>(begin),
              sorted.begin() + static_cast<std::ptrdiff_t>(i),
              [](const WireMessage& a, const WireMessage& b) { return a.body < b.body; });
    begin = i + 1;
  }
  return Trace(sorted);
}

bool Ordered(const std::string& sql) { return sql.find("ORDER BY") != std::string::npos; }

class RouterSql : public BedTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(Create({.shards = 4}));
    ASSERT_TRUE(Good(bed_->Psql(kTables)));
    ASSERT_TRUE(Good(bed_->Psql("BEGIN;" + Rows() + "COMMIT;")));
    auto client = bed_->Client();
    ASSERT_TRUE(Good(client));
    router_ = std::move(*client);
  }
  void MakeWhole() {
    ASSERT_TRUE(Good(bed_->postgres().Sql("CREATE DATABASE whole OWNER app")));
    auto client = bed_->DirectTo("whole");
    ASSERT_TRUE(Good(client));
    whole_ = std::move(*client);
    ASSERT_EQ(FirstError(*whole_->Ask(kTables)), "");
    ASSERT_EQ(FirstError(*whole_->Ask(Rows())), "");
  }

  void ExpectSame(const std::string& file, std::size_t statements_min);

  std::unique_ptr<WireClient> router_;
  std::unique_ptr<WireClient> whole_;
};

void RouterSql::ExpectSame(const std::string& file, std::size_t statements_min) {
  MakeWhole();
  const std::vector<std::string> statements = Lines(file);
  EXPECT_GE(statements.size(), statements_min);
  for (const std::string& sql : statements) {
    const auto wanted = whole_->Ask(sql);
    const auto seen = router_->Ask(sql);
    ASSERT_TRUE(Good(wanted)) << sql;
    ASSERT_TRUE(Good(seen)) << sql;
    EXPECT_EQ(Comparable(*seen, Ordered(sql)), Comparable(*wanted, Ordered(sql))) << sql;
  }
  for (const char* sql :
       {"SELECT * FROM customers ORDER BY id", "SELECT * FROM orders ORDER BY customer_id, id",
        "SELECT * FROM countries ORDER BY code"}) {
    EXPECT_EQ(Trace(*router_->Ask(sql)), Trace(*whole_->Ask(sql))) << sql;
  }
}

TEST_F(RouterSql, AnswersAsOnePostgresDoes) { ExpectSame("same.sql", 300); }

TEST_F(RouterSql, AnswersAsOnePostgresDoesAtTheEdges) { ExpectSame("same_more.sql", 180); }

// 4 lives on the third shard, 1007 on the first.
TEST_F(RouterSql, TakesRowsToTheShardOfTheirNewKeyAsTheyAre) {
  ASSERT_TRUE(Good(bed_->Psql(
      "ALTER TABLE customers ADD twice int GENERATED ALWAYS AS (v * 2) STORED,"
      " ADD number bigint GENERATED ALWAYS AS IDENTITY, ADD third float8 DEFAULT 1.0::float8 / 3,"
      " ADD tags text[] DEFAULT '{a,NULL}', ADD doc jsonb DEFAULT '{\"a\": [1]}',"
      " ADD span interval DEFAULT '1 day 2 hours', ADD gone int;"
      "ALTER TABLE customers DROP COLUMN gone")));
  const auto row = [this](int shard, const char* id) {
    return bed_->OnShard(shard, fmt::format("SELECT to_jsonb(c) - 'id' FROM customers c WHERE id "
                                            "= {}",
                                            id));
  };
  const Result<std::string> before = row(2, "4");
  ASSERT_TRUE(Good(before));
  ASSERT_NE(*before, "");
  for (const char* sql : {"SET extra_float_digits = -5", "SET DateStyle = 'SQL, DMY'",
                          "SET IntervalStyle = 'sql_standard'"}) {
    ASSERT_EQ(FirstError(*router_->Ask(sql)), "") << sql;
  }
  EXPECT_EQ(Trace(*router_->Ask("UPDATE customers SET id = 1007 WHERE id = 4")),
            "CUPDATE 1\\00\nZI\n");
  EXPECT_EQ(*row(0, "1007"), *before);
  EXPECT_EQ(*row(2, "4"), "");
  EXPECT_EQ(*bed_->OnShard(0, "SELECT count(*) FROM pg_prepared_xacts"), "0\n");
}

TEST_F(RouterSql, RefusesToTakeRowsAlongWhereItWouldNotBeTheSame) {
  struct Case {
    const char* make;
    const char* why;
    const char* end;
  };
  const Case cases[] = {
      {"CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
       "CREATE TRIGGER stamp BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION t()",
       "trigger stamp", "DROP TRIGGER stamp ON customers"},
      {"ALTER TABLE orders ADD CONSTRAINT owner FOREIGN KEY (customer_id) REFERENCES customers "
       "ON DELETE CASCADE",
       "foreign key owner", "ALTER TABLE orders DROP CONSTRAINT owner"},
      {"ALTER TABLE customers ENABLE ROW LEVEL SECURITY", "row-level security",
       "ALTER TABLE customers DISABLE ROW LEVEL SECURITY"}};
  const std::string change = "UPDATE customers SET id = 1007 WHERE id = 4";
  for (const Case& one : cases) {
    ASSERT_TRUE(Good(bed_->Psql(one.make))) << one.why;
    const std::string told = Trace(*router_->Ask(change));
    EXPECT_NE(told.find(std::string("0A000 UPDATE of the sharding column public.customers.id, of "
                                    "rows that go to another shard, with ") +
                        one.why),
              std::string::npos)
        << told;
    EXPECT_EQ(*bed_->OnShard(2, "SELECT count(*) FROM customers WHERE id = 4"), "1\n");
    ASSERT_TRUE(Good(bed_->Psql(one.end))) << one.why;
  }
  // A foreign key that only forbids does so here too, at the end if it is deferred.
  ASSERT_TRUE(
      Good(bed_->Psql("ALTER TABLE orders ADD CONSTRAINT owner FOREIGN KEY (customer_id) "
                      "REFERENCES customers DEFERRABLE")));
  EXPECT_EQ(FirstError(*router_->Ask(change)), "23503");
  for (const char* sql : {"BEGIN", "SET CONSTRAINTS ALL DEFERRED", change.c_str(),
                          "UPDATE orders SET customer_id = 1007 WHERE customer_id = 4", "COMMIT"}) {
    EXPECT_EQ(FirstError(*router_->Ask(sql)), "") << sql;
  }
  EXPECT_EQ(*bed_->OnShard(0, "SELECT count(*) FROM orders WHERE customer_id = 1007"), "4\n");
}

// Each line: SQLSTATE | a part of the message | the statement.
TEST_F(RouterSql, RefusesWhatItCannotAnswerExactlyAndSaysWhy) {
  const std::string digest = "SELECT count(*), sum(v), min(name), max(name) FROM customers";
  const std::string before = Trace(*router_->Ask(digest));
  int refused = 0;
  for (const std::string& line : Lines("refused.sql")) {
    const std::size_t one = line.find(" | ");
    const std::size_t two = line.find(" | ", one + 3);
    ASSERT_NE(two, std::string::npos) << line;
    const std::string sql = line.substr(two + 3);
    const auto answer = router_->Ask(sql);
    ASSERT_TRUE(Good(answer)) << sql;
    EXPECT_EQ(FirstError(*answer), line.substr(0, one)) << sql << "\n" << Trace(*answer);
    EXPECT_NE(Trace(*answer).find(line.substr(one + 3, two - one - 3)), std::string::npos)
        << sql << "\n"
        << Trace(*answer);
    EXPECT_EQ(answer->back().body, "I") << sql;
    ++refused;
  }
  EXPECT_GE(refused, 60);
  EXPECT_EQ(Trace(*router_->Ask(digest)), before);  // Nothing of it had an effect.
}

}  // namespace
}  // namespace foreshard::router
