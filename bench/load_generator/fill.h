#pragma once

#include <cstdint>
#include <functional>

#include "pg/connection.h"

namespace foreshard::load {

struct FillOptions {
  std::int64_t customers = 100'000;
  std::int64_t orders = 500'000;
  std::uint64_t seed = 1;
};

// Creates public.customers, public.orders and public.countries where they are missing.
Status CreateSchema(pg::Connection& connection, Deadline deadline);

// Loads customers 1..n and their orders through COPY; a few customers have most of the orders
// (Zipf). The tables must be empty: the oracle counts from version 0. Errors: kGiveUp if they are
// not.
Status Fill(
    pg::Connection& connection, const FillOptions& options,
    const std::function<void(const char* table, std::int64_t done, std::int64_t total)>& progress,
    Deadline deadline);

}  // namespace foreshard::load
