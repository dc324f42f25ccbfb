#include "bench/load_generator/fill.h"

#include <fmt/format.h>

#include <cmath>

#include "base/random.h"

namespace foreshard::load {

namespace {

constexpr std::size_t kFlushBytes = 256 << 10;
constexpr const char* kCountries[] = {"Austria", "Brazil", "Chile",  "Denmark",
                                      "Estonia", "France", "Greece", "Hungary"};

using RowWriter = std::function<void(std::int64_t index, std::string& buffer)>;

Status CopyRows(pg::Connection& connection, const char* table, const std::string& statement,
                std::int64_t rows, const RowWriter& write,
                const std::function<void(const char*, std::int64_t, std::int64_t)>& progress,
                Deadline deadline) {
  Result<pg::CopyIn> copy = connection.StartCopyIn(statement, deadline);
  if (!copy) return copy.error();
  std::string buffer;
  for (std::int64_t i = 0; i < rows; ++i) {
    write(i, buffer);
    if (buffer.size() < kFlushBytes && i + 1 < rows) continue;
    const Status written = copy->Write(buffer, deadline);
    if (!written) return written;
    buffer.clear();
    if (progress) progress(table, i + 1, rows);
  }
  const Result<std::int64_t> finished = copy->Finish(deadline);
  if (!finished) return finished.error();
  if (*finished != rows)
    return Error::GiveUp(fmt::format("{}: {} rows sent, {} stored", table, rows, *finished));
  return Ok();
}

}  // namespace

Status CreateSchema(pg::Connection& connection, Deadline deadline) {
  static constexpr const char* kStatements[] = {
      "CREATE TABLE IF NOT EXISTS public.countries (code text PRIMARY KEY, name text NOT NULL)",
      "CREATE TABLE IF NOT EXISTS public.customers (id bigint PRIMARY KEY, version bigint NOT NULL "
      "DEFAULT 0, "
      "name text NOT NULL, country text NOT NULL)",
      "CREATE TABLE IF NOT EXISTS public.orders (customer_id bigint NOT NULL, number bigint NOT "
      "NULL, "
      "amount numeric(12,2) NOT NULL, note text NOT NULL, PRIMARY KEY (customer_id, number))",
  };
  for (const char* statement : kStatements) {
    const Result<pg::Rows> made = connection.Exec(statement, deadline);
    if (!made) return made.error();
  }
  return Ok();
}

Status Fill(pg::Connection& connection, const FillOptions& options,
            const std::function<void(const char*, std::int64_t, std::int64_t)>& progress,
            Deadline deadline) {
  const Result<pg::Rows> count = connection.Exec("SELECT count(*) FROM public.customers", deadline);
  if (!count) return count.error();
  if (count->Int(0, 0) != 0)
    return Error::GiveUp("public.customers is not empty; the oracle counts from an empty table");
  Random random(options.seed);
  for (const char* country : kCountries) {
    const Result<pg::Rows> made = connection.Exec(
        fmt::format("INSERT INTO public.countries VALUES ({}, {})",
                    pg::QuoteLiteral(std::string(country, 2)), pg::QuoteLiteral(country)),
        deadline);
    if (!made) return made.error();
  }
  const Status customers = CopyRows(
      connection, "customers", "COPY public.customers (id, version, name, country) FROM STDIN",
      options.customers,
      [&random](std::int64_t i, std::string& buffer) {
        fmt::format_to(std::back_inserter(buffer), "{}\t0\tcustomer {:06}\t{:.2}\n", i + 1, i + 1,
                       kCountries[random.Below(std::size(kCountries))]);
      },
      progress, deadline);
  if (!customers) return customers;
  // Every customer has two orders; the rest is Zipf-like over customers, so that few have many.
  const auto people = static_cast<double>(options.customers);
  return CopyRows(
      connection, "orders", "COPY public.orders (customer_id, number, amount, note) FROM STDIN",
      options.orders,
      [&random, &options, people](std::int64_t i, std::string& buffer) {
        const std::int64_t customer =
            i < 2 * options.customers
                ? i % options.customers + 1
                : static_cast<std::int64_t>(people * std::pow(random.Unit(), 2.0)) %
                          options.customers +
                      1;
        fmt::format_to(std::back_inserter(buffer),
                       "{}\t{}\t{}.{:02}\torder {} of customer {}, packed and sent\n", customer,
                       i + 1, random.Below(500) + 1, random.Below(100), i + 1, customer);
      },
      progress, deadline);
}

}  // namespace foreshard::load
