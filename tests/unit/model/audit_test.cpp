#include "model/audit.h"

#include <gtest/gtest.h>

namespace foreshard::model {
namespace {

TEST(Audit, ARepairNamesWhatWasSeen) {
  AuditFindings findings{.strays = {{{"s-a"}, "public.t", 2, {"101", "102"}}}, .diverged = {}};
  const std::string seen = Fingerprint(findings);
  EXPECT_EQ(ToText(findings), "s-a: 2 rows of public.t belong elsewhere; keys: 101, 102\n");
  EXPECT_EQ(findings.stray_rows(), 2);
  EXPECT_FALSE(findings.clean());
  EXPECT_EQ(Fingerprint(findings), seen);
  findings.strays[0].rows = 3;
  EXPECT_NE(Fingerprint(findings), seen);
  findings.diverged.push_back({"public.r", {{{"s-a"}, {1, "x"}}, {{"s-b"}, {2, "y"}}}});
  EXPECT_NE(ToText(findings).find("public.r differs: s-a 1 rows (x) s-b 2 rows (y)"),
            std::string::npos);
}

TEST(Audit, TheCopyThatMoreThanHalfHaveIsRight) {
  const ShardId a{"s-a"};
  const ShardId b{"s-b"};
  const ShardId c{"s-c"};
  EXPECT_EQ(RightCopy({{a, {2, "y"}}, {b, {3, "x"}}, {c, {3, "x"}}}), b);
  EXPECT_FALSE(RightCopy({{a, {2, "y"}}, {b, {3, "x"}}})) << "of two nobody can tell";
  EXPECT_FALSE(RightCopy({{a, {2, "y"}}, {b, {3, "x"}}, {c, {4, "z"}}}));
  const ReferenceDigest none{.rows = 0, .digest = kMissingDigest};
  EXPECT_FALSE(RightCopy({{a, none}, {b, {3, "x"}}, {c, none}})) << "that is no copy";
}

TEST(Audit, NothingFoundIsClean) {
  EXPECT_TRUE(AuditFindings().clean());
  EXPECT_EQ(ToText(AuditFindings()), "");
}

}  // namespace
}  // namespace foreshard::model
