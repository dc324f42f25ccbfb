#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/forecast/trace.h"
#include "model/routing_table.h"

// `history import`: what clients asked on days on which nobody measured, written as the routers'
// counter in OpenMetrics, for promtool. Pure.

namespace foreshard::plugin {

struct LoadShare {
  model::ShardId shard;
  double share = 0;  // of the set's statements
};

// As "SHARD=0.7" says, the rest evenly to the shards that are not named. Nothing given: by the
// parts of the ring that they own (Hash), else evenly. They add up to 1. Errors: kGiveUp naming
// what was typed and what would be accepted.
Result<std::vector<LoadShare>> SharesOf(const model::RoutingTable& table,
                                        const std::vector<std::string>& given);

// Labels that the set's extra matchers ask for: `cluster="a",zone="b"`. Errors: kGiveUp where one
// is no equality, so that no sample could be known to match.
Result<std::map<std::string, std::string>> LabelsOf(const std::string& selector);

struct History {
  std::vector<cli::TraceSample> demand;  // statements a second of the whole set, ascending
  std::vector<LoadShare> shares;
  double write_share = 0.2;
  std::chrono::seconds bin{300};              // of the set: a rate over it needs two samples
  std::map<std::string, std::string> labels;  // beside shard and kind
};

// Leaves what is in [from, until), seconds since 1970.
std::vector<cli::TraceSample> Between(std::vector<cli::TraceSample> demand, std::int64_t from,
                                      std::int64_t until);

// What will be written, for people.
std::string HistoryText(const History& history);

// Calls `write` with whole lines. A value holds until the next one; where the trace has a gap there
// is no sample, so that those bins are missing and not idle.
// REQUIRES: demand and shares are not empty.
void WriteOpenMetrics(const History& history, const std::function<void(std::string_view)>& write);

}  // namespace foreshard::plugin
