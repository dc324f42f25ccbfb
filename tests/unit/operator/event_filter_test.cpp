#include "operator/event_filter.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string_view>
#include <utility>
#include <vector>

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

// Of ShardSets only: what stands in the spec, and of which the status does not speak yet.
TEST(EventFilter, AnEditThatNobodyHasActedOnIsAwaited) {
  const auto set = [](int generation, const std::string& status) {
    kube::Object made;
    made.metadata.name = "orders";
    made.json =
        fmt::format(R"({{"kind":"ShardSet","metadata":{{"name":"orders","generation":{}}}{}}})",
                    generation, status);
    return made;
  };
  EventFilter filter;
  EXPECT_TRUE(filter.Look(kube::kShardSets, set(1, "")).awaited) << "new";
  const std::string seen = R"(,"status":{"observedGeneration":1})";
  EXPECT_FALSE(filter.Look(kube::kShardSets, set(1, seen)).awaited);
  EXPECT_TRUE(filter.Look(kube::kShardSets, set(2, seen)).awaited);
  EXPECT_FALSE(filter.Look(kube::kStatefulSets, set(2, seen)).awaited);
}

// Whatever stands in its texts, each other part of an object counts.
TEST(EventFilter, EveryOtherPartIsSeen) {
  const auto object = [](const std::string& json) {
    kube::Object made;
    made.metadata.name = "pod";
    made.metadata.resource_version = "1";
    made.json = json;
    return made;
  };
  const std::string base =
      R"({"kind":"Pod", "metadata":{"annotations":{"note":"a \"}, {"},"labels":{"x":"{]"},)"
      R"("name":"pod","resourceVersion":"7"},"spec":{"list":[1,{"a":[]},"]}"],"n":12,"on":true,)"
      R"("none":null},"status":{"text":"\\"}})";
  EventFilter filter;
  ASSERT_TRUE(filter.Look(kube::kPods, object(base)).changed);
  ASSERT_FALSE(filter.Look(kube::kPods, object(base)).changed);
  const auto with = [&base](std::string_view from, std::string_view to) {
    std::string json = base;
    return json.replace(json.find(from), from.size(), to);
  };
  for (const auto& [from, to] :
       std::vector<std::pair<const char*, const char*>>{{"{]", "{}"},
                                                        {R"("pod")", R"("pot")"},
                                                        {"[1,", "[2,"},
                                                        {"[]", "[0]"},
                                                        {R"("]}")", R"("]]")"},
                                                        {"12", "123"},
                                                        {"true", "false"},
                                                        {"null", "0"},
                                                        {R"(\\)", R"(\n)"},
                                                        {R"("spec":{)", R"("spec":{"new":1,)"}}) {
    EXPECT_TRUE(filter.Look(kube::kPods, object(with(from, to))).changed) << to;
    EXPECT_TRUE(filter.Look(kube::kPods, object(base)).changed) << "and back from " << to;
  }
  EXPECT_FALSE(filter.Look(kube::kPods, object(with(R"("7")", R"("8")"))).changed);
  EXPECT_FALSE(filter.Look(kube::kPods, object(with(R"(a \"}, {)", "b"))).changed);
  // Lists say the kind elsewhere than watches do.
  std::string listed = base;
  listed.replace(listed.find(R"("kind":"Pod", )"), 14, R"("apiVersion":"v1","kind":"Pod",)");
  EXPECT_FALSE(filter.Look(kube::kPods, object(listed)).changed);
  // No JSON at all: nothing is known of it, so every version is new.
  for (const char* broken : {"", "[", "\"", "{\"a", "{\"a\":", "{\"a\":{", "null"}) {
    kube::Object odd = object(std::string(broken) + " ");
    filter.Look(kube::kPods, odd);
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
