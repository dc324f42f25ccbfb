#include "operator/routers/held_routers.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/fakes/fake_clock.h"

namespace foreshard::op {
namespace {

using std::chrono_literals::operator""s;

// Answers what it is told to, and keeps what it was asked.
class Answers final : public RouterControl {
 public:
  std::vector<std::string> Routers() const override { return routers; }
  RouterReplies<HoldAnswer> Hold(const std::vector<std::string>& asked, const HoldRequest& request,
                                 Deadline) override {
    RouterReplies<HoldAnswer> replies;
    for (const std::string& name : asked) {
      holds[name] = request;
      const bool silent = name == "silent";
      replies.push_back({name, silent ? Result<HoldAnswer>(Error::Retry("no answer"))
                                      : HoldAnswer{.drained = name != "busy"}});
    }
    return replies;
  }
  RouterReplies<ReleaseAnswer> Release(const std::vector<std::string>& asked,
                                       const ReleaseRequest& request, Deadline) override {
    RouterReplies<ReleaseAnswer> replies;
    for (const std::string& name : asked) {
      releases[name] = request;
      const bool silent = name == "silent";
      replies.push_back(
          {name, silent ? Result<ReleaseAnswer>(Error::Retry("no answer")) : ReleaseAnswer{}});
    }
    return replies;
  }
  RouterReplies<Acknowledged> Lease(const std::vector<std::string>&, const LeaseRequest&,
                                    Deadline) override {
    return {};
  }
  RouterReplies<TableAnswer> ReadTable(const std::vector<std::string>&, Deadline) override {
    return {};
  }

  std::vector<std::string> routers;
  std::map<std::string, HoldRequest> holds;
  std::map<std::string, ReleaseRequest> releases;
};

class AllRouters : public testing::Test {
 protected:
  Deadline Soon() const { return Deadline::After(clock_, 1s); }

  fakes::FakeClock clock_;
  Answers control_;
  HeldRouters held_{control_,
                    {.shard_set_name = "orders",
                     .epoch = {12},
                     .key_space = {},
                     .ranges = {{{"", "80"}, {"s-1"}}, {{"80", ""}, {"s-2"}}},
                     .pins = {{"4711", {"s-2"}}, {"4712", {"s-1"}}},
                     .shards = {},
                     .moving = {}}};
};

// A pin is not held by the range that it lies in.
TEST_F(AllRouters, HoldEveryRangeAndEveryPin) {
  control_.routers = {"a", "b"};
  const auto drained = held_.Hold({7}, Soon());
  ASSERT_TRUE(drained.ok());
  EXPECT_TRUE(*drained);
  ASSERT_EQ(control_.holds.size(), 2U);
  for (const auto& [name, request] : control_.holds) {
    EXPECT_EQ(request.ranges, (std::vector<model::KeyRange>{{"", ""}}));
    EXPECT_EQ(request.keys, (std::vector<std::string>{"4711", "4712"}));
    EXPECT_EQ(request.epoch.value, 12);
    EXPECT_LT(request.number.value, 0) << "a migration's hold would be let go with it";
  }
}

TEST_F(AllRouters, AreNotDrainedWhileOneIsNot) {
  control_.routers = {"a", "busy", "b"};
  const auto drained = held_.Hold({7}, Soon());
  ASSERT_TRUE(drained.ok());
  EXPECT_FALSE(*drained);
}

TEST_F(AllRouters, AreNotHeldWhileOneIsSilent) {
  control_.routers = {"a", "silent"};
  const auto drained = held_.Hold({7}, Soon());
  ASSERT_FALSE(drained.ok());
  EXPECT_EQ(drained.error().message, "router 'silent': no answer");
}

// Also those that were silent, and those that are going.
TEST_F(AllRouters, AreLetGoByTheSameNumber) {
  control_.routers = {"a", "silent", "b"};
  EXPECT_FALSE(held_.Hold({7}, Soon()).ok());
  control_.routers = {"b", "c"};
  EXPECT_FALSE(held_.Release({7}, Soon()).ok()) << "one did not hear it";
  ASSERT_EQ(control_.releases.size(), 3U);
  for (const auto& [name, request] : control_.releases) {
    EXPECT_EQ(request.number, control_.holds.at(name).number);
    EXPECT_FALSE(request.table.has_value()) << "owners are as they were";
  }
}

TEST_F(AllRouters, HaveANumberForEveryPoint) {
  control_.routers = {"a"};
  for (const std::int64_t number :
       {std::int64_t{1}, std::int64_t{2'147'483'646}, std::int64_t{2'147'483'647},
        std::int64_t{2'147'483'648}, std::int64_t{9'999'999'999'999'999}}) {
    ASSERT_TRUE(held_.Hold({number}, Soon()).ok());
    EXPECT_LT(control_.holds.at("a").number.value, 0) << number;
  }
}

}  // namespace
}  // namespace foreshard::op
