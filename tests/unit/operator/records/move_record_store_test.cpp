#include "operator/records/move_record_store.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "base/log.h"
#include "kube/kinds.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_kube_api.h"
#include "tests/fakes/faulty_kube_api.h"
#include "tests/support/wait.h"

namespace foreshard::op {
namespace {

using support::Good;
using testing::HasSubstr;

const SetName kSet{.name_space = "demo", .name = "demo", .uid = "u1"};

class MoveRecordStoreTest : public testing::Test {
 protected:
  MoveRecordStoreTest() {
    log::SetSink([this](std::string_view line) { lines_ += line; });
  }
  ~MoveRecordStoreTest() override { log::SetSink({}); }

  static MoveRecord Record(int number) {
    return {.migration = fmt::format("move-{}", number),
            .uid = fmt::format("u-{}", number),
            .type = "Move",
            .phases = {{.phase = "Copying", .visits = 1, .millis = number}}};
  }
  Status Keep(const MoveRecord& record) { return KeepMoveRecord(api_, kSet, record, Soon()); }
  std::vector<MoveRecord> Kept() {
    std::vector<MoveRecord> records;
    MoveRecordReader().Read(api_, kSet, records, Soon());
    return records;
  }
  int Complaints(std::string_view event) const {
    int count = 0;
    for (std::size_t at = 0; (at = lines_.find(event, at)) != std::string::npos; ++at) ++count;
    return count;
  }
  Deadline Soon() { return Deadline::After(clock_, std::chrono::seconds(10)); }
  std::optional<kube::Object> Object() {
    return *fake_.Get(kube::kConfigMaps, {"demo", "demo-moves"}, Soon());
  }

  fakes::FakeClock clock_;
  fakes::FakeKubeApi fake_{clock_};
  int writes_ = 0;
  std::function<fakes::KubeFault()> fault_ = [] { return fakes::KubeFault::kNone; };
  fakes::KubeFault read_fault_ = fakes::KubeFault::kNone;
  fakes::FaultyKubeApi api_{fake_, [this](const fakes::KubeCall& call) {
                              if (call.IsRead()) return read_fault_;
                              ++writes_;
                              return fault_();
                            }};
  std::string lines_;
};

TEST_F(MoveRecordStoreTest, EachIsKeptOnceAndTheOldestComesFirst) {
  EXPECT_TRUE(Kept().empty());
  ASSERT_TRUE(Good(Keep(Record(1))));
  ASSERT_TRUE(Good(Keep(Record(2))));
  const int writes = writes_;
  ASSERT_TRUE(Good(Keep(Record(1))));
  EXPECT_EQ(writes_, writes) << "the same again is no write";
  MoveRecord again = Record(1);
  again.outcome = "Completed";
  ASSERT_TRUE(Good(Keep(again)));
  EXPECT_EQ(Kept(), (std::vector<MoveRecord>{again, Record(2)}));
  EXPECT_THAT(Object()->json, HasSubstr("\"uid\":\"u1\"")) << "it goes with its set";
  EXPECT_EQ(lines_, "");
}

TEST_F(MoveRecordStoreTest, TheOldestOfMoreThanFiveHundredGo) {
  ASSERT_TRUE(Good(Keep(Record(0))));
  Value list = Value::Array();
  for (int number = 0; number < 502; ++number) list.Add(MoveRecordJson(Record(number)));
  const Value all = Value::Object({{"data", Value::Object({{"records", ToJson(list)}})}});
  ASSERT_TRUE(fake_.Patch(kube::kConfigMaps, {"demo", "demo-moves"}, ToJson(all), {}, Soon()));
  ASSERT_TRUE(Good(Keep(Record(502))));
  const std::vector<MoveRecord> kept = Kept();
  ASSERT_EQ(kept.size(), kMovesMost);
  EXPECT_EQ(kept.front(), Record(3));
  EXPECT_EQ(kept.back(), Record(502));
}

TEST_F(MoveRecordStoreTest, WhatWouldNotFitIntoOneObjectGoesFromTheOldEnd) {
  for (int number = 0; number < 12; ++number) {
    MoveRecord large = Record(number);
    large.reason = std::string(100'000, 'x');
    ASSERT_TRUE(Good(Keep(large)));
  }
  EXPECT_LT(Object()->json.size(), 1'000'000u);
  const std::vector<MoveRecord> kept = Kept();
  ASSERT_GE(kept.size(), 5u);
  EXPECT_EQ(kept.back().uid, "u-11");
}

// Two operators for a moment: what the other has written is not written over.
TEST_F(MoveRecordStoreTest, WhoReadAnOldListIsToldToLookAgain) {
  ASSERT_TRUE(Good(Keep(Record(1))));
  bool other = false;
  fault_ = [this, &other] {
    if (!std::exchange(other, true)) {
      EXPECT_TRUE(Good(KeepMoveRecord(fake_, kSet, Record(2), Soon())));
    }
    return fakes::KubeFault::kNone;
  };
  const Status kept = Keep(Record(3));
  ASSERT_FALSE(kept);
  EXPECT_EQ(kept.error().kind, Error::Kind::kReobserve);
  ASSERT_TRUE(Good(Keep(Record(3))));
  EXPECT_EQ(Kept(), (std::vector<MoveRecord>{Record(1), Record(2), Record(3)}));
}

TEST_F(MoveRecordStoreTest, AWriteThatFailedIsTriedAgain) {
  fault_ = [] { return fakes::KubeFault::kFailBefore; };
  EXPECT_FALSE(Keep(Record(1)));
  fault_ = [] { return fakes::KubeFault::kNone; };
  ASSERT_TRUE(Good(Keep(Record(1))));
  EXPECT_EQ(Kept(), (std::vector<MoveRecord>{Record(1)}));
}

TEST_F(MoveRecordStoreTest, AForeignObjectIsLeftAloneAndHoldsNobodyUp) {
  ASSERT_TRUE(fake_.Create(kube::kConfigMaps, {"demo", "demo-moves"},
                           R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":
                             "demo-moves","namespace":"demo"},"data":{"mine":"1"}})",
                           Soon()));
  EXPECT_TRUE(Good(Keep(Record(1))));
  EXPECT_THAT(lines_, HasSubstr("move_record_not_kept"));
  EXPECT_THAT(Object()->json, HasSubstr("mine"));
  EXPECT_TRUE(Kept().empty());
}

TEST_F(MoveRecordStoreTest, WhatIsDamagedIsSaidAndBegunAnew) {
  ASSERT_TRUE(Good(Keep(Record(1))));
  ASSERT_TRUE(fake_.Patch(kube::kConfigMaps, {"demo", "demo-moves"}, R"({"data":{"records":"[{"}})",
                          {}, Soon()));
  EXPECT_TRUE(Kept().empty());
  EXPECT_THAT(lines_, HasSubstr("move_records_discarded"));
  ASSERT_TRUE(Good(Keep(Record(2))));
  EXPECT_EQ(Kept(), (std::vector<MoveRecord>{Record(2)}));
}

// Each parse of a damaged object says so: that is how they are counted.
TEST_F(MoveRecordStoreTest, AnObjectIsParsedOnceUntilItChanges) {
  ASSERT_TRUE(Good(Keep(Record(1))));
  std::vector<MoveRecord> records;
  MoveRecordReader reader;
  const auto read = [&] { reader.Read(api_, kSet, records, Soon()); };
  const auto damage = [&](const char* with) {
    ASSERT_TRUE(fake_.Patch(kube::kConfigMaps, {"demo", "demo-moves"}, with, {}, Soon()));
  };
  read();
  EXPECT_EQ(records, (std::vector<MoveRecord>{Record(1)}));
  damage(R"({"data":{"records":"[{"}})");
  for (int pass = 0; pass < 3; ++pass) read();
  EXPECT_EQ(Complaints("move_records_discarded"), 1);
  EXPECT_TRUE(records.empty());
  damage(R"({"data":{"records":"[[{"}})");
  for (int pass = 0; pass < 3; ++pass) read();
  EXPECT_EQ(Complaints("move_records_discarded"), 2);
  ASSERT_TRUE(Good(Keep(Record(2))));
  read();
  EXPECT_EQ(records, (std::vector<MoveRecord>{Record(2)}));
}

TEST_F(MoveRecordStoreTest, WhatWasReadStaysWhileTheObjectCannotBeReadAndGoesWithIt) {
  ASSERT_TRUE(Good(Keep(Record(1))));
  std::vector<MoveRecord> records;
  MoveRecordReader reader;
  reader.Read(api_, kSet, records, Soon());
  read_fault_ = fakes::KubeFault::kFailBefore;
  reader.Read(api_, kSet, records, Soon());
  EXPECT_THAT(lines_, HasSubstr("move_records_not_read"));
  EXPECT_EQ(records, (std::vector<MoveRecord>{Record(1)}));
  read_fault_ = fakes::KubeFault::kNone;
  ASSERT_TRUE(Good(fake_.Delete(kube::kConfigMaps, {"demo", "demo-moves"}, {}, Soon())));
  reader.Read(api_, kSet, records, Soon());
  EXPECT_TRUE(records.empty());
}

}  // namespace
}  // namespace foreshard::op
