#include "tests/fuzz/router/sql_generator.h"

#include <fmt/format.h>

namespace foreshard::fuzz {

namespace {

template <std::size_t N>
std::string Pick(Random& random, const char* const (&options)[N]) {
  return options[random.Below(N)];
}

}  // namespace

std::string SqlGenerator::Gap() {
  static constexpr const char* kGaps[] = {" ",
                                          " ",
                                          " ",
                                          " ",
                                          "  ",
                                          "\n",
                                          "\t",
                                          " /* x 'y' */ ",
                                          " -- z '\n",
                                          "\r\n",
                                          " /* a /* b */ */ "};
  return Pick(random_, kGaps);
}

// Words with their white space and case as people and programs write them.
std::string SqlGenerator::Cased(const std::string& words) {
  std::string out;
  const bool upper = random_.Chance(0.5);
  for (const char c : words) {
    if (c == ' ')
      out += Gap();
    else
      out += upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  }
  return out;
}

std::string SqlGenerator::Literal() {
  static constexpr const char* kOdd[] = {
      "'it''s'", "E'a\\'b\\n'", "$$q'q$$",   "$x$y$x$", "B'01'", "1.5",    "1e3",
      "''",      "U&'a'",       "'a'\n 'b'", ".5",      "'$1'",  "'/* x'", "'--'"};
  if (random_.Chance(0.3)) return Pick(random_, kOdd);
  return random_.Chance(0.5) ? fmt::format("{}", random_.Below(100))
                             : fmt::format("'{}'", random_.Below(100));
}

std::string SqlGenerator::Key() {
  switch (random_.Below(8)) {
    case 0:
      return fmt::format("'{}'", random_.Below(100));
    case 1:
      return fmt::format("-{}", random_.Below(100));
    case 2:
      return fmt::format("{}::bigint", random_.Below(100));
    case 3:
      return fmt::format("$1");
    case 4:
      return fmt::format("CAST({} AS int)", random_.Below(100));
    case 5:
      return Literal();
    default:
      return fmt::format("{}", random_.Below(100));
  }
}

std::string SqlGenerator::Value() {
  static constexpr const char* kValues[] = {
      "name",     "total", "c.name",      "lower(name)", "NULL",       "$2",        "now()",
      "count(*)", "id",    "customer_id", "sum(total)",  "avg(total)", "max(total)"};
  return random_.Chance(0.4) ? Literal() : Pick(random_, kValues);
}

std::string SqlGenerator::Where(int depth) {
  switch (random_.Below(depth > 2 ? 7 : 11)) {
    case 0:
      return fmt::format("id{}={}{}", Gap(), Gap(), Key());
    case 1:
      return fmt::format("c.id = {}", Key());
    case 2:
      return fmt::format("customer_id IN ({},{}{})", Key(), Gap(), Key());
    case 3:
      return fmt::format("name = {}", Literal());
    case 4:
      return fmt::format("id = ANY({})", random_.Chance(0.5) ? "$1" : "'{1,2}'");
    case 5:
      return fmt::format("total > {}", Value());
    case 6:
      return "true";
    case 7:
      return fmt::format("({} AND {})", Where(depth + 1), Where(depth + 1));
    case 8:
      return fmt::format("({} OR {})", Where(depth + 1), Where(depth + 1));
    case 9:
      return fmt::format("NOT ({})", Where(depth + 1));
    default:
      return fmt::format("id IN ({})", Select(depth + 1));
  }
}

std::string SqlGenerator::From(int depth) {
  static constexpr const char* kTables[] = {
      "customers c",
      "orders",
      "orders o",
      "countries",
      "public.customers AS c",
      "ONLY orders",
      "customers c JOIN orders o ON o.customer_id = c.id",
      "customers c LEFT JOIN orders o ON o.customer_id = c.id",
      "orders a JOIN orders b USING (customer_id)",
      "customers c, countries r",
      "nosuch",
      "generate_series(1, 3) g"};
  if (depth < 2 && random_.Chance(0.15)) return fmt::format("({}) c", Select(depth + 1));
  return Pick(random_, kTables);
}

std::string SqlGenerator::Select(int depth) {
  std::string sql = Cased("select ");
  if (random_.Chance(0.1)) sql += Cased("distinct ");
  sql += random_.Chance(0.3) ? "*" : Value() + (random_.Chance(0.5) ? "," + Gap() + Value() : "");
  sql += Gap() + Cased("from ") + From(depth);
  if (random_.Chance(0.8)) sql += Gap() + Cased("where ") + Where(depth);
  if (random_.Chance(0.2)) sql += Gap() + Cased("group by ") + (random_.Chance(0.5) ? "1" : "name");
  if (random_.Chance(0.3))
    sql += Gap() + Cased("order by ") + (random_.Chance(0.4) ? "1" : Value()) +
           (random_.Chance(0.3) ? " DESC NULLS LAST" : "");
  if (random_.Chance(0.3))
    sql += Gap() + Cased("limit ") +
           (random_.Chance(0.2) ? "$3" : fmt::format("{}", random_.Below(9)));
  if (random_.Chance(0.2)) sql += Gap() + Cased("offset ") + fmt::format("{}", random_.Below(9));
  if (depth == 0 && random_.Chance(0.05)) sql += " FOR UPDATE";
  return sql;
}

std::string SqlGenerator::Insert() {
  std::string sql =
      Cased("insert into ") + (random_.Chance(0.8) ? "customers (id, name)" : "events");
  if (random_.Chance(0.15)) return sql + " " + Select(1);
  sql += Gap() + Cased("values ");
  const std::uint64_t rows = 1 + random_.Below(4);
  for (std::uint64_t i = 0; i < rows; ++i) {
    sql += fmt::format("{}({},{}{})", i == 0 ? "" : ", ", random_.Chance(0.9) ? Key() : "DEFAULT",
                       Gap(), Literal());
  }
  if (random_.Chance(0.2)) sql += " ON CONFLICT DO NOTHING";
  if (random_.Chance(0.2)) sql += " RETURNING *";
  return sql;
}

std::string SqlGenerator::Update() {
  return Cased("update ") + (random_.Chance(0.9) ? "customers c" : "countries") + Gap() +
         Cased("set ") + "name = " + Literal() +
         (random_.Chance(0.9) ? Gap() + Cased("where ") + Where(1) : "");
}

std::string SqlGenerator::Delete() {
  return Cased("delete from ") + (random_.Chance(0.9) ? "orders" : "countries") + Gap() +
         Cased("where ") + Where(1);
}

std::string SqlGenerator::Utility() {
  static constexpr const char* kUtilities[] = {
      "BEGIN ISOLATION LEVEL SERIALIZABLE",
      "COMMIT",
      "SET search_path = a, 'b'",
      "SET LOCAL x.y = 5",
      "SHOW x",
      "RESET ALL",
      "CREATE TABLE customers (id bigint DEFAULT 5)",
      "CREATE INDEX ON orders (total)",
      "DROP TABLE orders",
      "TRUNCATE orders",
      "COPY customers (id) FROM STDIN WITH (FORMAT csv, DELIMITER ';')",
      "COPY (SELECT * FROM customers WHERE id = 5) TO STDOUT",
      "EXPLAIN SELECT * FROM customers WHERE id = 5",
      "PREPARE p AS SELECT * FROM customers WHERE id = $1",
      "EXECUTE p (5)",
      "DECLARE c CURSOR FOR SELECT * FROM customers WHERE id = 5",
      "DO $$BEGIN END$$",
      "VACUUM",
      "LISTEN x"};
  return Pick(random_, kUtilities);
}

std::string SqlGenerator::Statement() {
  switch (random_.Below(10)) {
    case 0:
    case 1:
      return Insert();
    case 2:
      return Update();
    case 3:
      return Delete();
    case 4:
      return Utility();
    case 5:
      return Cased("with ") + "x AS (" + Select(1) + ") " + Select(1);
    default:
      return Select(0);
  }
}

}  // namespace foreshard::fuzz
