#include "operator/api/audit_json.h"

#include <gtest/gtest.h>

#include "operator/api/shard_set_json.h"

namespace foreshard::op {
namespace {

model::AuditStatus Full() {
  model::AuditStatus audit{.request = "now",
                           .start_time = "2026-05-01T08:00:00Z",
                           .time = "2026-05-01T09:00:00Z",
                           .epoch = 12,
                           .found = {},
                           .fingerprint = "00ff",
                           .running = {},
                           .repair = {}};
  audit.found.strays = {{{"s-a"}, "public.orders", 2, {"7", "8"}}};
  audit.found.diverged = {{"public.r", {{{"s-a"}, {1, "x"}}, {{"s-b"}, {2, "y"}}}}};
  audit.running = model::AuditRun{.request = "later",
                                  .start_time = "2026-05-02T08:00:00Z",
                                  .epoch = 13,
                                  .step = 3,
                                  .steps = 5,
                                  .leaf = "public.orders_2",
                                  .page = 4096,
                                  .found = audit.found};
  audit.repair = model::AuditRepair{
      .request = "00ff s-a", .time = "2026-05-01T10:00:00Z", .rows = 2, .problem = "none"};
  return audit;
}

TEST(AuditJson, WhatIsWrittenIsRead) {
  EXPECT_EQ(ReadAudit(AuditJson(Full())), Full());
  EXPECT_EQ(ReadAudit(AuditJson({})), model::AuditStatus());
}

// Each field of a status has one manager; two would take turns in writing it.
TEST(AuditJson, NobodyElseWritesIt) {
  model::ShardSet set;
  set.status.audit = Full();
  for (const char* type : {"Ready", kAuditCondition}) {
    model::Condition condition;
    condition.type = type;
    condition.status = "True";
    set.status.conditions.push_back(condition);
  }
  for (const Value& other :
       {FleetStatusApply(set, set.status), ScalingStatusApply(set, set.status)}) {
    EXPECT_TRUE(other["status"]["audit"].is_null());
    for (const Value& condition : other["status"]["conditions"].Items())
      EXPECT_NE(condition["type"].Text(), kAuditCondition);
  }
  const Value own = AuditStatusApply(set, set.status);
  ASSERT_EQ(own["status"]["conditions"].Items().size(), 1u);
  EXPECT_EQ(own["status"]["conditions"].Items()[0]["type"].Text(), kAuditCondition);
  EXPECT_EQ(own["status"]["audit"]["strayRows"].Int(), 2);
}

}  // namespace
}  // namespace foreshard::op
