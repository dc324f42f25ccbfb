#include "operator/event_filter.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "kube/kinds.h"

namespace foreshard::op {
namespace {

kube::Object Endpoints(const std::string& version, const std::string& annotations) {
  kube::Object object;
  object.metadata.name_space = "shop";
  object.metadata.name = "orders-s-1";
  object.metadata.labels = {{"foreshard.dev/shardset", "orders"}};
  object.json = fmt::format(
      R"({{"metadata":{{"name":"orders-s-1","resourceVersion":"{}","annotations":{}}}}})", version,
      annotations);
  return object;
}

TEST(EventFilter, PatronisHeartbeatChangesNothing) {
  EventFilter filter;
  EXPECT_TRUE(
      filter.Look(kube::kEndpoints, Endpoints("1", R"({"leader":"a","renewTime":"1"})")).changed);
  EXPECT_FALSE(
      filter.Look(kube::kEndpoints, Endpoints("2", R"({"leader":"a","renewTime":"2"})")).changed);
  EXPECT_TRUE(
      filter.Look(kube::kEndpoints, Endpoints("3", R"({"leader":"b","renewTime":"3"})")).changed);
}

// What a person asks for by an annotation must not wait for the next event.
TEST(EventFilter, WhatAPersonAsksForIsSeen) {
  EventFilter filter;
  filter.Look(kube::kShardSets, Endpoints("1", "{}"));
  for (const char* name : {"foreshard.dev/pause", "foreshard.dev/verify", "foreshard.dev/repair"}) {
    EXPECT_TRUE(
        filter.Look(kube::kShardSets, Endpoints("2", fmt::format(R"({{"{}":"x"}})", name))).changed)
        << name;
  }
}

TEST(EventFilter, RemembersOfWhichSetWhatIsGoneWas) {
  EventFilter filter;
  filter.Look(kube::kEndpoints, Endpoints("1", "{}"));
  kube::Object gone;
  gone.metadata.name_space = "shop";
  gone.metadata.name = "orders-s-1";
  const EventFilter::Verdict verdict = filter.Look(kube::kEndpoints, gone);
  EXPECT_TRUE(verdict.changed);
  EXPECT_EQ(verdict.shard_set, "orders");
  EXPECT_EQ(filter.Look(kube::kEndpoints, gone).shard_set, "");
}

}  // namespace
}  // namespace foreshard::op
