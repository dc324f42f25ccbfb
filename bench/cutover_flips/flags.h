#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "bench/cutover_flips/clients.h"
#include "bench/cutover_flips/fleet.h"

// What the bench was asked for, and what its reports share.

namespace foreshard::bench {

struct Flags {
  int flips = 40;
  bool json = false;
  bool check = false;
  bool kill = false;
  bool partition = false;
  bool in_place = false;
  FleetOptions fleet;
  ClientOptions clients;
  int registers = 6;
  std::uint64_t seed = 0;
  int think_micros = 5'000;
  std::string log_file;  // of operator, mover and blows; empty: none
};

// How it was measured, for the report.
nlohmann::json Settings(const Flags& flags);

// Of sorted values, in their unit; 0 where there are none.
double Quantile(const std::vector<double>& sorted, double quantile);

}  // namespace foreshard::bench
