#include "kube/lease_record.h"

#include <gtest/gtest.h>

#include "kube/object_json.h"

namespace foreshard::kube {
namespace {

const LeaseRecord kRecord{.holder = "a",
                          .duration = std::chrono::seconds(10),
                          .transitions = 3,
                          .acquire_time = "2026-05-01T09:10:00.000000Z",
                          .renew_time = "2026-05-01T09:10:02.000000Z"};

TEST(LeaseRecord, IsReadAsItWasWritten) {
  const Result<Object> lease = ParseObject(NewLease({"shop", "operator"}, kRecord));
  ASSERT_TRUE(lease);
  EXPECT_EQ(lease->ref(), (ObjectRef{"shop", "operator"}));
  EXPECT_EQ(*ParseLease(*lease), kRecord);
}

TEST(LeaseRecord, KeepsWhatOthersWrote) {
  const Result<Object> lease = ParseObject(
      R"({"kind":"Lease","metadata":{"name":"l","resourceVersion":"7","labels":{"a":"b"}},)"
      R"("spec":{"holderIdentity":"x","strategy":"s"}})");
  const Result<Object> changed = ParseObject(WithRecord(*lease, kRecord));
  ASSERT_TRUE(changed);
  EXPECT_EQ(*ParseLease(*changed), kRecord);
  EXPECT_EQ(changed->metadata.resource_version, "7");
  EXPECT_EQ(changed->metadata.labels.at("a"), "b");
  EXPECT_NE(changed->json.find("strategy"), std::string::npos);
}

TEST(LeaseRecord, AnEmptyLeaseHasNoHolder) {
  for (const char* text :
       {R"({"kind":"Lease"})", R"({"kind":"Lease","spec":{}})",
        R"({"kind":"Lease","spec":{"holderIdentity":null,"leaseTransitions":"x"}})"}) {
    const Result<LeaseRecord> record = ParseLease(Object{.metadata = {}, .json = text});
    ASSERT_TRUE(record) << text;
    EXPECT_EQ(*record, LeaseRecord{});
  }
  EXPECT_FALSE(ParseLease(Object{.metadata = {}, .json = R"({"kind":"Pod"})"}));
  EXPECT_FALSE(ParseLease(Object{.metadata = {}, .json = "x"}));
}

}  // namespace
}  // namespace foreshard::kube
