#include "router/hold.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/random.h"

namespace foreshard::router {
namespace {

using namespace std::chrono_literals;

const model::KeySpace kSpace{model::Strategy::kRange,
                             model::KeyType::kBigint};  // keys are their places: easy to read

Footprint Keys(std::initializer_list<std::int64_t> keys) {
  Footprint footprint;
  for (const std::int64_t key : keys) {
    footprint.keys.push_back(KeyOfNumber(kSpace, key));
    footprint.pinned.push_back(false);
  }
  return footprint;
}

Footprint Scatter() {
  Footprint footprint;
  footprint.scatter = true;
  return footprint;
}

HoldRequest Request(std::int32_t number, const std::string& from, const std::string& to) {
  HoldRequest request;
  request.migration = "m";
  request.number = {number};
  request.ranges = {{from, to}};
  return request;
}

struct Crossing {
  Hold hold{kSpace, {.park_max = 20s, .transaction_park_max = 200ms, .released_at_once = 64}};
  MonotonicTime now{100s};

  Admission Admit(Slot slot, const Footprint& footprint, bool transaction = false) {
    return hold.Admit(slot, footprint, 10, transaction, now);
  }
  std::vector<Slot> Ready() {
    std::vector<Slot> slots;
    while (const std::optional<Slot> slot = hold.Next(now)) slots.push_back(*slot);
    return slots;
  }
};

using Slots = std::vector<Slot>;

TEST(Hold, OutsideTheRangeNothingWaits) {  // H1
  Crossing c;
  EXPECT_EQ(c.Admit(1, Keys({50})), Admission::kGo);
  c.hold.Finish(1);
  c.hold.Begin(Request(7, "40", "80"), c.now);
  EXPECT_EQ(c.Admit(1, Keys({39})), Admission::kGo);
  EXPECT_EQ(c.Admit(2, Keys({80})), Admission::kGo);
  EXPECT_EQ(c.Admit(3, Keys({-1, 1'000})), Admission::kGo);
  EXPECT_EQ(c.Admit(4, Keys({})), Admission::kGo);
  EXPECT_EQ(c.Admit(5, Keys({40})), Admission::kParked);
  EXPECT_EQ(c.Admit(6, Keys({1, 79})), Admission::kParked);
  EXPECT_EQ(c.Admit(7, Scatter()), Admission::kParked);
}

TEST(Hold, APinnedKeyIsHeldByItsKeyNotByItsRange) {
  Crossing c;
  c.hold.Begin(Request(7, "40", "80"), c.now);
  Footprint pinned = Keys({50});
  pinned.pinned[0] = true;
  EXPECT_EQ(c.Admit(1, pinned), Admission::kGo);
  HoldRequest keys = Request(8, "", "");
  keys.ranges.clear();
  keys.keys = {"50"};
  c.hold.Begin(keys, c.now);
  EXPECT_EQ(c.Admit(2, pinned), Admission::kParked);
  EXPECT_EQ(c.Admit(3, Keys({51})), Admission::kParked);  // by the range of 7
}

TEST(Hold, AcksWhenNothingIsInFlightInTheRange) {
  Crossing c;
  ASSERT_EQ(c.Admit(1, Keys({50})), Admission::kGo);
  ASSERT_EQ(c.Admit(2, Keys({90})), Admission::kGo);
  ASSERT_EQ(c.Admit(3, Scatter()), Admission::kGo);
  HoldState state = c.hold.Begin(Request(7, "40", "80"), c.now);
  EXPECT_FALSE(state.drained);
  EXPECT_EQ(state.in_flight, 2);
  c.hold.Finish(3);
  c.hold.Finish(1);
  ASSERT_EQ(c.Admit(4, Keys({60})), Admission::kParked);
  state = *c.hold.State({7});
  EXPECT_TRUE(state.drained);
  EXPECT_EQ(state.parked, 1);
  EXPECT_FALSE(c.hold.State({8}).ok());
}

TEST(Hold, ATransactionThatWasInsideMayFinish) {
  Crossing c;
  ASSERT_EQ(c.Admit(1, Keys({50}), false), Admission::kGo);
  ASSERT_EQ(c.Admit(2, Keys({10}), false), Admission::kGo);
  c.hold.Begin(Request(7, "40", "80"), c.now);
  EXPECT_EQ(c.Admit(1, Keys({60}), true), Admission::kGo);      // touched the range before
  EXPECT_EQ(c.Admit(2, Keys({60}), true), Admission::kParked);  // did not
  c.hold.Finish(1);
  EXPECT_EQ(c.Admit(1, Keys({60}), false), Admission::kParked);  // its next transaction is new work
}

TEST(Hold, AnOpenTransactionIsLetGoBeforeItsLocksHurt) {
  Crossing c;
  ASSERT_EQ(c.Admit(1, Keys({10})), Admission::kGo);
  HoldRequest request = Request(7, "40", "80");
  request.expires_in = 10s;
  c.hold.Begin(request, c.now);
  ASSERT_EQ(c.Admit(1, Keys({60}), true), Admission::kParked);
  ASSERT_EQ(c.Admit(2, Keys({60})), Admission::kParked);
  c.now += 200ms;
  EXPECT_TRUE(c.hold.Expire(c.now).empty());
  EXPECT_EQ(c.Ready(), (Slots{1}));
  EXPECT_EQ(c.Admit(1, Keys({60}), true), Admission::kGo);  // the gate decides
  c.hold.Finish(1);
  EXPECT_EQ(c.Admit(1, Keys({60})), Admission::kParked);
}

TEST(Hold, ReleaseLetsWorkGoInTheOrderItCame) {
  Crossing c;
  c.hold.Begin(Request(7, "40", "80"), c.now);
  for (const Slot slot : {5U, 3U, 9U, 1U}) ASSERT_EQ(c.Admit(slot, Keys({50})), Admission::kParked);
  EXPECT_TRUE(c.Ready().empty());
  EXPECT_EQ(c.hold.Release({7}), 4);
  EXPECT_EQ(c.Ready(), (Slots{5, 3, 9, 1}));
  EXPECT_EQ(c.hold.parked(), 0);
  EXPECT_EQ(c.hold.parked_bytes(), 0);
  EXPECT_TRUE(c.hold.idle());
  EXPECT_EQ(c.hold.Release({7}), 0);
}

TEST(Hold, ReleaseIsBoundedAndGoesOnAsWorkIsAnswered) {
  Hold hold(kSpace, {.park_max = 20s, .transaction_park_max = 200ms, .released_at_once = 2});
  const MonotonicTime now{1s};
  hold.Begin(Request(7, "", ""), now);
  for (Slot slot = 0; slot < 4; ++slot)
    ASSERT_EQ(hold.Admit(slot, Keys({1}), 1, false, now), Admission::kParked);
  hold.Release({7});
  EXPECT_EQ(hold.Next(now), 0U);
  EXPECT_EQ(hold.Next(now), 1U);
  EXPECT_FALSE(hold.Next(now).has_value());
  ASSERT_EQ(hold.Admit(0, Keys({1}), 1, false, now), Admission::kGo);
  EXPECT_FALSE(hold.Next(now).has_value());
  hold.Answered(0);
  EXPECT_EQ(hold.Next(now), 2U);
  hold.Finish(1);
  EXPECT_EQ(hold.Next(now), 3U);
}

TEST(Hold, CountsHowLongWorkWasParked) {
  Crossing c;
  c.hold.Begin(Request(7, "", ""), c.now);
  ASSERT_EQ(c.Admit(1, Keys({1})), Admission::kParked);
  c.now += 30ms;
  ASSERT_EQ(c.Admit(2, Keys({2})), Admission::kParked);
  c.now += 10ms;
  c.hold.Release({7});
  ASSERT_EQ(c.Ready(), (Slots{1, 2}));
  const Latencies& parked = c.hold.parked_for();
  EXPECT_DOUBLE_EQ(parked.seconds, 0.050);
  EXPECT_EQ(parked.counts[4], 1U);  // <= 10 ms
  EXPECT_EQ(parked.counts[6], 1U);  // <= 50 ms
}

TEST(Hold, EveryHoldEndsByItself) {  // H3
  Crossing c;
  c.hold.Begin(Request(7, "40", "80"), c.now);  // 500 ms
  ASSERT_EQ(c.Admit(1, Keys({50})), Admission::kParked);
  EXPECT_EQ(c.hold.NextDeadline(), c.now + 500ms);
  c.now += 400ms;
  c.hold.Begin(Request(7, "40", "80"), c.now);  // renewed
  c.now += 400ms;
  EXPECT_TRUE(c.hold.Expire(c.now).empty());
  EXPECT_TRUE(c.Ready().empty());
  c.now += 100ms;
  EXPECT_TRUE(c.hold.Expire(c.now).empty());  // nobody waited too long: it goes, with the old table
  EXPECT_EQ(c.Ready(), (Slots{1}));
  EXPECT_EQ(c.hold.expired_total(), 1U);
  EXPECT_EQ(c.Admit(2, Keys({50})), Admission::kGo);
}

TEST(Hold, NobodyWaitsLongerThanParkMax) {
  Crossing c;
  HoldRequest request = Request(7, "40", "80");
  request.expires_in = 60s;
  c.hold.Begin(request, c.now);
  ASSERT_EQ(c.Admit(1, Keys({50})), Admission::kParked);
  c.now += 5s;
  ASSERT_EQ(c.Admit(2, Keys({50})), Admission::kParked);
  c.now += 15s;
  EXPECT_EQ(c.hold.Expire(c.now), (Slots{1}));
  EXPECT_EQ(c.hold.parked(), 1);
  c.now += 5s;
  EXPECT_EQ(c.hold.Expire(c.now), (Slots{2}));
  EXPECT_EQ(c.hold.parked_bytes(), 0);
}

TEST(Hold, ParkedWorkIsBounded) {
  Crossing c;
  HoldRequest request = Request(7, "40", "80");
  request.parked_statements_max = 2;
  request.parked_bytes_max = 100;
  c.hold.Begin(request, c.now);
  EXPECT_EQ(c.hold.Admit(1, Keys({50}), 95, false, c.now), Admission::kParked);
  EXPECT_EQ(c.hold.Admit(2, Keys({50}), 10, false, c.now), Admission::kFull);
  EXPECT_EQ(c.hold.Admit(2, Keys({50}), 5, false, c.now), Admission::kParked);
  EXPECT_EQ(c.hold.Admit(3, Keys({50}), 0, false, c.now), Admission::kFull);
  EXPECT_EQ(c.hold.Admit(3, Keys({5}), 1'000, false, c.now), Admission::kGo);
}

TEST(Hold, AClientThatLeavesLeavesTheQueue) {
  Crossing c;
  c.hold.Begin(Request(7, "40", "80"), c.now);
  ASSERT_EQ(c.Admit(1, Keys({50})), Admission::kParked);
  ASSERT_EQ(c.Admit(2, Keys({50})), Admission::kParked);
  c.hold.Finish(1);
  c.hold.Release({7});
  EXPECT_EQ(c.Ready(), (Slots{2}));
}

TEST(Hold, TwoHoldsAreTwoBarriers) {
  Crossing c;
  c.hold.Begin(Request(7, "", "50"), c.now);
  c.hold.Begin(Request(8, "50", ""), c.now);
  ASSERT_EQ(c.Admit(1, Keys({10})), Admission::kParked);
  ASSERT_EQ(c.Admit(2, Keys({10, 90})), Admission::kParked);
  ASSERT_EQ(c.Admit(3, Keys({90})), Admission::kParked);
  EXPECT_EQ(c.hold.held().size(), 2U);
  c.hold.Release({7});
  EXPECT_EQ(c.Ready(), (Slots{1}));
  c.hold.Release({8});
  EXPECT_EQ(c.Ready(), (Slots{2, 3}));
}

TEST(Hold, AStaleOwnerWaitsForTheEpoch) {
  Crossing c;
  c.hold.TableChanged({12});
  EXPECT_EQ(c.hold.ParkForEpoch(1, {13}, 5, c.now), Admission::kParked);
  EXPECT_EQ(c.hold.ParkForEpoch(2, {12}, 5, c.now), Admission::kParked);
  EXPECT_EQ(c.Ready(), (Slots{2}));  // the table is new enough already
  c.hold.TableChanged({13});
  EXPECT_EQ(c.Ready(), (Slots{1}));
  EXPECT_EQ(c.hold.ParkForEpoch(3, {14}, 5, c.now), Admission::kParked);
  c.now += 20s;
  EXPECT_EQ(c.hold.Expire(c.now), (Slots{3}));
}

// Any schedule of begins, releases, expiries, work and departures: what must stay true stays true.
TEST(Hold, InvariantsHoldUnderAnySchedule) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    Random random(seed);
    Hold hold(
        kSpace,
        {.park_max = 5s, .transaction_park_max = 200ms, .released_at_once = 1 + random.Below(4)});
    MonotonicTime now{0s};
    std::map<std::int32_t, std::pair<std::int64_t, std::int64_t>> held;  // may have expired
    std::map<std::int32_t, MonotonicTime> deadlines;
    std::map<Slot, std::int64_t> parked;
    std::set<Slot> running;
    const auto is_held = [&](std::int64_t key) {
      for (const auto& [number, range] : held) {
        if (key >= range.first && key < range.second) return true;
      }
      return false;
    };
    const auto expire = [&] {
      for (auto at = deadlines.begin(); at != deadlines.end();) {
        if (at->second <= now) {
          held.erase(at->first);
          at = deadlines.erase(at);
        } else {
          ++at;
        }
      }
      for (const Slot slot : hold.Expire(now)) ASSERT_EQ(parked.erase(slot), 1U);
    };
    for (int step = 0; step < 300; ++step) {
      const auto slot = static_cast<Slot>(random.Below(12));
      const auto key = static_cast<std::int64_t>(random.Below(100));
      const std::uint64_t what = random.Below(10);
      if (what < 4 && !parked.contains(slot) && !running.contains(slot)) {
        const Admission admission = hold.Admit(slot, Keys({key}), 1, false, now);
        ASSERT_EQ(admission == Admission::kGo, !is_held(key))
            << "H1, seed " << seed << " step " << step;
        if (admission == Admission::kGo) running.insert(slot);
        if (admission == Admission::kParked) parked[slot] = key;
      } else if (what == 4) {
        const auto number = static_cast<std::int32_t>(random.Below(3));
        const auto from = static_cast<std::int64_t>(random.Below(99));
        const auto to =
            from + 1 +
            static_cast<std::int64_t>(random.Below(99 - static_cast<std::uint64_t>(from)));
        hold.Begin(Request(number, std::to_string(from), std::to_string(to)), now);
        held[number] = {from, to};
        deadlines[number] = now + 500ms;
      } else if (what == 5) {
        const auto number = static_cast<std::int32_t>(random.Below(3));
        hold.Release({number});
        held.erase(number);
        deadlines.erase(number);
      } else if (what == 6) {
        now += std::chrono::milliseconds(random.Below(400));
        expire();
      } else if (what == 7 && running.contains(slot)) {
        hold.Finish(slot);
        running.erase(slot);
      } else if (what == 8) {
        if (const std::optional<Slot> next = hold.Next(now)) {
          ASSERT_TRUE(parked.contains(*next)) << "H2, seed " << seed;  // nothing runs twice
          const std::int64_t waited_for = parked[*next];
          parked.erase(*next);
          const Admission admission = hold.Admit(*next, Keys({waited_for}), 1, false, now);
          ASSERT_NE(admission, Admission::kFull);
          if (admission == Admission::kGo) running.insert(*next);
          if (admission == Admission::kParked) parked[*next] = waited_for;
        }
      }
      ASSERT_EQ(hold.parked(), static_cast<std::int64_t>(parked.size()));
      ASSERT_EQ(hold.parked_bytes(), static_cast<std::int64_t>(parked.size()));
    }
    now += 10s;
    expire();
    for (const Slot slot : running) hold.Finish(slot);
    running.clear();
    while (const std::optional<Slot> slot = hold.Next(now)) {
      parked.erase(*slot);
      ASSERT_EQ(hold.Admit(*slot, Keys({1}), 1, false, now), Admission::kGo);
      hold.Finish(*slot);
    }
    ASSERT_TRUE(parked.empty()) << "H3, seed " << seed;
    ASSERT_TRUE(hold.idle());
  }
}

TEST(Hold, KnowsWhatATransactionTouched) {
  Hold hold(kSpace, {.park_max = 20s, .transaction_park_max = 200ms, .released_at_once = 2});
  const MonotonicTime now{};
  EXPECT_EQ(hold.Touched(3), nullptr);
  hold.Admit(3, Keys({1}), 1, false, now);
  hold.Admit(3, Keys({2, 1}), 1, true, now);
  ASSERT_NE(hold.Touched(3), nullptr);
  EXPECT_EQ(hold.Touched(3)->keys, Keys({1, 2, 1}).keys);
  hold.Finish(3);
  EXPECT_EQ(hold.Touched(3), nullptr);
}

}  // namespace
}  // namespace foreshard::router
