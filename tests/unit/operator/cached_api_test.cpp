#include "operator/cached_api.h"

#include <gtest/gtest.h>

#include <thread>

#include "kube/kinds.h"
#include "tests/fakes/fake_kube_api.h"
#include "tests/fakes/faulty_kube_api.h"
#include "tests/support/await.h"

namespace foreshard::op {
namespace {

constexpr const char* kLabel = "foreshard.dev/shardset";

std::string ConfigMap(const std::string& name, const std::string& value, bool labelled = true) {
  return R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":")" + name +
         R"(","namespace":"shop")" +
         (labelled ? R"(,"labels":{"foreshard.dev/shardset":"orders"})" : "") +
         R"(},"data":{"x":")" + value + R"("}})";
}

class CachedApiTest : public testing::Test {
 protected:
  void SetUp() override {
    fake.SetAfterDrain(fakes::FakeKubeApi::AfterDrain::kBlock);
    Make("before");
    thread = std::jthread([this](std::stop_token stop) { api.Run(stop); });
    ASSERT_TRUE(support::Await("the first lists", std::chrono::seconds(10), [this] {
                  return support::Seen(api.Synced());
                }).ok());
  }

  void Make(const std::string& name, bool labelled = true) {
    ASSERT_TRUE(
        fake.Create(kube::kConfigMaps, {"shop", name}, ConfigMap(name, "1", labelled), Soon())
            .ok());
  }
  std::size_t Count() {
    const auto list = api.List(kube::kConfigMaps,
                               {.name_space = "shop",
                                .label_selector = std::string(kLabel) + "=orders",
                                .field_selector = {}},
                               Soon());
    return list.ok() ? list->items.size() : 999;
  }
  Deadline Soon() { return Deadline::After(clock, std::chrono::seconds(10)); }

  SystemClock clock;
  fakes::FakeKubeApi fake{clock};
  std::atomic<bool> leads = true;
  std::atomic<int> notes = 0;
  std::atomic<bool> server_lists = true;
  fakes::FaultyKubeApi server{fake, [this](const fakes::KubeCall& call) {
                                return call.verb == "list" && !server_lists
                                           ? fakes::KubeFault::kFailBefore
                                           : fakes::KubeFault::kNone;
                              }};
  CachedApi api{server,
                clock,
                {.name_space = {},
                 .kinds = {{kube::kConfigMaps, kLabel}, {kube::kPods, kLabel}},
                 .note = [this](const kube::ResourceKind&, const kube::Object&) { ++notes; },
                 .may_write = [this] { return leads.load(); }}};
  std::jthread thread;
};

TEST_F(CachedApiTest, ServesTheCopyAndLearnsOfChanges) {
  EXPECT_EQ(Count(), 1U);
  Make("after");
  EXPECT_TRUE(support::Await("the new one is seen", std::chrono::seconds(10), [this] {
                return support::Seen(Count() == 2);
              }).ok());
  EXPECT_GE(notes, 2);
}

TEST_F(CachedApiTest, OwnWritesAreReadBackAtOnce) {
  for (int i = 0; i < 50; ++i) {
    const std::string name = "own-" + std::to_string(i);
    ASSERT_TRUE(api.Create(kube::kConfigMaps, {"shop", name}, ConfigMap(name, "1"), Soon()).ok());
    EXPECT_EQ(Count(), static_cast<std::size_t>(i) + 2);
    ASSERT_TRUE(
        api.Patch(kube::kConfigMaps, {"shop", name}, R"({"data":{"x":"2"}})", {}, Soon()).ok());
    const auto seen = api.Get(kube::kConfigMaps, {"shop", name}, Soon());
    ASSERT_TRUE(seen.ok() && seen->has_value());
    EXPECT_NE((*seen)->json.find(R"("x":"2")"), std::string::npos) << i;
  }
}

TEST_F(CachedApiTest, WhatLacksTheLabelIsAskedOfTheServer) {
  Make("foreign", false);
  const auto seen = api.Get(kube::kConfigMaps, {"shop", "foreign"}, Soon());
  ASSERT_TRUE(seen.ok());
  EXPECT_TRUE(seen->has_value());
  const auto all =
      api.List(kube::kConfigMaps,
               {.name_space = "shop", .label_selector = {}, .field_selector = {}}, Soon());
  EXPECT_EQ(all->items.size(), 2U);
}

TEST_F(CachedApiTest, EverythingThatIsCopiedIsListedFromTheCopies) {
  Make("foreign", false);
  server_lists = false;
  const auto all =
      api.List(kube::kConfigMaps, {.name_space = "shop", .label_selector = kLabel}, Soon());
  ASSERT_TRUE(all.ok());
  EXPECT_EQ(all->items.size(), 1U);
}

TEST_F(CachedApiTest, AnotherSetsObjectsAreNotListed) {
  ASSERT_TRUE(api.Create(kube::kConfigMaps, {"shop", "theirs"},
                         R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"theirs",)"
                         R"("labels":{"foreshard.dev/shardset":"bills"}}})",
                         Soon())
                  .ok());
  EXPECT_EQ(Count(), 1U);  // while it is read back from our own write
  EXPECT_TRUE(support::Await("the copy has it", std::chrono::seconds(10), [this] {
                return support::Seen(notes >= 2);
              }).ok());
  EXPECT_EQ(Count(), 1U);
}

// behaviour-07
TEST_F(CachedApiTest, NothingIsWrittenByWhoDoesNotLead) {
  leads = false;
  const std::int64_t before = fake.write_calls();
  const auto refused = api.Create(kube::kConfigMaps, {"shop", "x"}, ConfigMap("x", "1"), Soon());
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().kind, Error::Kind::kFenced);
  EXPECT_FALSE(api.Apply(kube::kConfigMaps, {"shop", "x"}, ConfigMap("x", "1"), {}, Soon()).ok());
  EXPECT_FALSE(api.Patch(kube::kConfigMaps, {"shop", "before"}, "{}", {}, Soon()).ok());
  EXPECT_FALSE(api.Delete(kube::kConfigMaps, {"shop", "before"}, {}, Soon()).ok());
  EXPECT_EQ(fake.write_calls(), before);
  EXPECT_EQ(Count(), 1U);
}

// Of a StatefulSet the next pod has the same name: evicted again by who still saw the first one, it
// would go the moment it came.
// behaviour-14
TEST_F(CachedApiTest, AnEvictedPodIsGoneBeforeTheCopyKnows) {
  const std::string pod = R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"member",)"
                          R"("namespace":"shop","labels":{"foreshard.dev/shardset":"orders"}}})";
  const auto count = [this] {
    const auto list =
        api.List(kube::kPods,
                 {.name_space = "shop", .label_selector = std::string(kLabel) + "=orders"}, Soon());
    return list.ok() ? list->items.size() : 999;
  };
  ASSERT_TRUE(fake.Create(kube::kPods, {"shop", "member"}, pod, Soon()).ok());
  ASSERT_TRUE(support::Await("it is seen", std::chrono::seconds(10), [&] {
                return support::Seen(count() == 1);
              }).ok());
  thread = {};  // the copies stand still
  ASSERT_TRUE(api.Evict({"shop", "member"}, Soon()).ok());
  EXPECT_EQ(count(), 0U);
  ASSERT_TRUE(fake.Create(kube::kPods, {"shop", "member"}, pod, Soon()).ok());
  EXPECT_EQ(count(), 0U) << "its successor is not in the copy yet";
  thread = std::jthread([this](std::stop_token stop) { api.Run(stop); });
  EXPECT_TRUE(support::Await("its successor is seen", std::chrono::seconds(10), [&] {
                return support::Seen(count() == 1);
              }).ok());
}

TEST_F(CachedApiTest, WhoseLastFinalizerIsGoneIsGone) {
  ASSERT_TRUE(api.Patch(kube::kConfigMaps, {"shop", "before"},
                        R"({"metadata":{"finalizers":["a/b"]}})", {}, Soon())
                  .ok());
  ASSERT_TRUE(api.Delete(kube::kConfigMaps, {"shop", "before"}, {}, Soon()).ok());
  ASSERT_TRUE(api.Patch(kube::kConfigMaps, {"shop", "before"}, R"({"metadata":{"finalizers":[]}})",
                        {}, Soon())
                  .ok());
  EXPECT_EQ(Count(), 0U);
}

}  // namespace
}  // namespace foreshard::op
