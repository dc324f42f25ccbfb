#include "kube/watch_cache.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "kube/kinds.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_kube_api.h"
#include "tests/fakes/faulty_kube_api.h"

namespace foreshard::kube {
namespace {

using fakes::FakeClock;
using fakes::FakeKubeApi;
using fakes::FaultyKubeApi;
using fakes::KubeCall;
using fakes::KubeFault;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

class Cache : public testing::Test {
 protected:
  void Create(const std::string& name, const std::string& data = "{}") {
    ASSERT_TRUE(api_.Create(kConfigMaps, {"shop", name}, Text(name, data), Soon()));
  }
  void Change(const std::string& name, const std::string& data) {
    ASSERT_TRUE(
        api_.Patch(kConfigMaps, {"shop", name}, fmt::format(R"({{"data":{}}})", data), {}, Soon()));
  }
  void Delete(const std::string& name) {
    ASSERT_TRUE(api_.Delete(kConfigMaps, {"shop", name}, {}, Soon()));
  }
  static std::string Text(const std::string& name, const std::string& data) {
    return fmt::format(
        R"({{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"{}"}},"data":{}}})", name,
        data);
  }
  Deadline Soon() { return Deadline::After(clock_, 1s); }
  std::string Noted() { return std::exchange(noted_, ""); }
  std::string Names() {
    std::string names;
    for (const Object& object : cache_.All()) names += object.metadata.name;
    return names;
  }

  FakeClock clock_;
  FakeKubeApi api_{clock_};
  std::function<KubeFault(const KubeCall&)> decide_ = [](const KubeCall&) {
    return KubeFault::kNone;
  };
  FaultyKubeApi faulty_{api_, [this](const KubeCall& call) { return decide_(call); }};
  std::string noted_;
  WatchCache cache_{
      faulty_, clock_, {.kind = kConfigMaps, .name_space = "shop"}, [this](const ObjectRef& ref) {
        noted_ += ref.name;
      }};
};

TEST_F(Cache, FindsByItsLabelWhatHasThatValueNow) {
  WatchCache cache(faulty_, clock_, {.kind = kConfigMaps, .name_space = "shop", .index_label = "l"},
                   [](const ObjectRef&) {});
  const auto label = [this](const std::string& name, const std::string& value) {
    ASSERT_TRUE(api_.Patch(kConfigMaps, {"shop", name},
                           fmt::format(R"({{"metadata":{{"labels":{{"l":{}}}}}}})", value), {},
                           Soon()));
  };
  const auto names = [&cache](const std::string& value) {
    std::string text;
    for (const Object& object : cache.WithLabel(value)) text += object.metadata.name;
    return text;
  };
  for (const char* name : {"a", "b", "c"}) Create(name);
  label("a", R"("x")");
  label("b", R"("x")");
  cache.Step({});
  EXPECT_EQ(names("x"), "ab");
  label("a", R"("y")");
  label("c", R"("x")");
  Delete("b");
  cache.Step({});
  EXPECT_EQ(names("x"), "c");
  EXPECT_EQ(names("y"), "a");
  EXPECT_EQ(names("z"), "");
}

TEST_F(Cache, HoldsWhatIsThereAfterTheFirstStep) {
  Create("a", R"({"k":"1"})");
  Create("b");
  EXPECT_FALSE(cache_.Synced());
  cache_.Step({});
  EXPECT_TRUE(cache_.Synced());
  EXPECT_EQ(Names(), "ab");
  EXPECT_EQ(Noted(), "ab");
  EXPECT_NE(cache_.Get({"shop", "a"})->json.find(R"("k":"1")"), std::string::npos);
  EXPECT_FALSE(cache_.Get({"shop", "z"}));
}

TEST_F(Cache, FollowsWithoutListingAgain) {
  Create("a");
  cache_.Step({});
  Noted();
  Create("b");
  Change("a", R"({"k":"2"})");
  Delete("b");
  cache_.Step({});
  EXPECT_EQ(Noted(), "bab");
  EXPECT_EQ(Names(), "a");
  EXPECT_NE(cache_.Get({"shop", "a"})->json.find(R"("k":"2")"), std::string::npos);
  cache_.Step({});
  EXPECT_EQ(Noted(), "") << "an event was seen twice";
  EXPECT_EQ(cache_.lists(), 1);
}

TEST_F(Cache, ListsAgainAfterACompaction) {
  Create("a");
  Create("b");
  Create("c");
  cache_.Step({});
  Noted();
  Change("a", R"({"k":"2"})");
  Delete("b");
  Create("d");
  api_.Compact();
  EXPECT_GT(cache_.Step({}), 0ms);  // 410
  EXPECT_EQ(Names(), "abc") << "the old copy serves until the new list is there";
  cache_.Step({});
  EXPECT_EQ(Names(), "acd");
  EXPECT_EQ(Noted(), "adb") << "what changed, came and went; not c";
  EXPECT_EQ(cache_.lists(), 2);
}

TEST_F(Cache, BookmarksSaveAList) {
  Create("a");
  cache_.Step({});
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(api_.Create(
        kSecrets, {"shop", fmt::format("s{}", i)},
        fmt::format(R"({{"apiVersion":"v1","kind":"Secret","metadata":{{"name":"s{}"}}}})", i),
        Soon()));
  }
  cache_.Step({});  // Only a bookmark, for a version that is not forgotten.
  api_.Compact();
  Create("b");
  cache_.Step({});
  EXPECT_EQ(Names(), "ab");
  EXPECT_EQ(cache_.lists(), 1);
}

TEST_F(Cache, NeverSpinsOnABrokenStream) {
  decide_ = [](const KubeCall& call) {
    return call.verb == "watch" ? KubeFault::kFailBefore : KubeFault::kNone;
  };
  std::chrono::milliseconds pause = cache_.Step({});
  EXPECT_EQ(pause, 200ms);
  EXPECT_EQ(cache_.Step({}), 400ms);
  for (int i = 0; i < 30; ++i) pause = cache_.Step({});
  EXPECT_EQ(pause, 30'000ms);
  EXPECT_EQ(cache_.lists(), 1) << "a broken watch resumes, it does not list";
}

TEST_F(Cache, NeverSpinsOnAFailingListNorOnAStreamThatEndsAtOnce) {
  EXPECT_EQ(cache_.Step({}), 200ms);  // The clock stood still: the stream ended at once.
  api_.Compact();
  Create("x");
  decide_ = [](const KubeCall& call) {
    return call.verb == "list" ? KubeFault::kFailBefore : KubeFault::kStale;
  };
  EXPECT_EQ(cache_.Step({}), 200ms);
  EXPECT_EQ(cache_.Step({}), 400ms);
}

TEST_F(Cache, AnEventEndsTheBackOff) {
  decide_ = [](const KubeCall& call) {
    return call.verb == "watch" ? KubeFault::kFailBefore : KubeFault::kNone;
  };
  for (int i = 0; i < 5; ++i) cache_.Step({});
  decide_ = [](const KubeCall& call) {
    return call.verb == "watch" ? KubeFault::kFailAfter : KubeFault::kNone;
  };
  Create("a");
  EXPECT_EQ(cache_.Step({}), 200ms);
  EXPECT_EQ(Names(), "a");
}

TEST_F(Cache, HandsOutCopies) {
  Create("a", R"({"k":"1"})");
  cache_.Step({});
  std::optional<Object> copy = cache_.Get({"shop", "a"});
  copy->json = "changed";
  std::vector<Object> all = cache_.All();
  all[0].metadata.name = "changed";
  EXPECT_NE(cache_.Get({"shop", "a"})->json, "changed");
  EXPECT_EQ(Names(), "a");
}

TEST_F(Cache, SelectsByLabelAndNamespace) {
  WatchCache selected(api_, clock_, {.kind = kConfigMaps, .label_selector = "tier=gold"},
                      [](const ObjectRef&) {});
  Create("a");
  selected.Step({});
  EXPECT_EQ(selected.size(), 0u);
  ASSERT_TRUE(api_.Patch(kConfigMaps, {"shop", "a"}, R"({"metadata":{"labels":{"tier":"gold"}}})",
                         {}, Soon()));
  selected.Step({});
  EXPECT_EQ(selected.size(), 1u);
  ASSERT_TRUE(api_.Patch(kConfigMaps, {"shop", "a"}, R"({"metadata":{"labels":{"tier":null}}})", {},
                         Soon()));
  selected.Step({});
  EXPECT_EQ(selected.size(), 0u) << "it left the selection";
}

TEST_F(Cache, RunEndsAtTheStop) {
  std::stop_source stop;
  stop.request_stop();
  cache_.Run(stop.get_token());
  EXPECT_FALSE(cache_.Synced());
}

}  // namespace
}  // namespace foreshard::kube
