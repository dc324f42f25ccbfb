#pragma once

#include <fmt/format.h>

#include <string>

#include "backup/point.h"
#include "operator/api/value.h"

// A point of a set of two shards, one of which was about to get a third.

namespace foreshard::op {

inline backup::Point PointOf(std::int64_t number, const std::string& made_at,
                             const std::string& uid = "0f3c") {
  const auto shard = [](const char* id) {
    return backup::ShardPoint{.shard = {id},
                              .system_identifier = fmt::format("7{}", id),
                              .timeline = 2,
                              .lsn = "0/5000280",
                              .wal_file = "000000020000000000000005"};
  };
  backup::Point point{.number = {number},
                      .made_at = *ParseRfc3339(made_at),
                      .state = {.set_uid = uid,
                                .shards = {{"s-aaaa"}, {"s-bbbb"}, {"s-cccc"}},
                                .epoch = {12},
                                .routing_table = {},
                                .migrations = "[]",
                                .cutovers = {},
                                .number_max = {7},
                                .record_max = 3,
                                .lease_transitions = 4},
                      .shards = {shard("s-aaaa"), shard("s-bbbb"), shard("s-cccc")}};
  point.state.routing_table =
      R"({"shardSetName":"old","epoch":12,"ranges":[{"from":"","to":"80","shard":"s-aaaa"},
          {"from":"80","to":"","shard":"s-bbbb"}],"pins":[{"key":"5","shard":"s-bbbb"}],
          "shards":[{"id":"s-aaaa","primaryService":"old-s-aaaa","replicaService":"old-s-aaaa-pods"},
          {"id":"s-bbbb","primaryService":"old-s-bbbb","replicaService":"old-s-bbbb-pods"},
          {"id":"s-cccc","primaryService":"old-s-cccc","replicaService":"old-s-cccc-pods"}],
          "moving":[{"migration":"old-split","number":7,"range":{"from":"40","to":"80"},"keys":[]}]})";
  return point;
}

}  // namespace foreshard::op
