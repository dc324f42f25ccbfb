#include "pg/sqlstate.h"

#include <gtest/gtest.h>

#include <vector>

namespace foreshard::pg {
namespace {

struct Case {
  const char* sqlstate;
  Error::Kind kind;
};

TEST(SqlState, SaysWhatToDoNext) {
  const std::vector<Case> cases = {
      {"FS001", Error::Kind::kReobserve}, {"FS002", Error::Kind::kFenced},
      {"FS003", Error::Kind::kReobserve}, {"55P03", Error::Kind::kRetry},
      {"40001", Error::Kind::kRetry},     {"40P01", Error::Kind::kRetry},
      {"40003", Error::Kind::kReobserve}, {"08006", Error::Kind::kReobserve},
      {"08007", Error::Kind::kReobserve}, {"25006", Error::Kind::kReobserve},
      {"53300", Error::Kind::kRetry},     {"53100", Error::Kind::kRetry},
      {"55006", Error::Kind::kRetry},     {"55000", Error::Kind::kGiveUp},
      {"57014", Error::Kind::kReobserve}, {"57P01", Error::Kind::kReobserve},
      {"57P03", Error::Kind::kRetry},     {"58030", Error::Kind::kRetry},
      {"42501", Error::Kind::kGiveUp},    {"42P01", Error::Kind::kGiveUp},
      {"23505", Error::Kind::kGiveUp},    {"XX000", Error::Kind::kReobserve},
      {"XX001", Error::Kind::kGiveUp},    {"", Error::Kind::kGiveUp},
      {"what?", Error::Kind::kGiveUp}};
  for (const Case& one : cases) {
    EXPECT_EQ(KindOfSqlState(one.sqlstate), one.kind) << one.sqlstate;
  }
}

TEST(SqlState, ShowsTheDetailOfOurOwnErrorsOnly) {
  const Error stale = ToError({.sqlstate = "FS001",
                               .message = "this shard takes no writes for the range",
                               .detail = "migration=7 owner=s-9x2d epoch=13",
                               .hint = ""});
  EXPECT_EQ(stale.message,
            "this shard takes no writes for the range (migration=7 owner=s-9x2d epoch=13)");
  EXPECT_EQ(stale.code, "FS001");
  const Error duplicate = ToError({.sqlstate = "23505",
                                   .message = "duplicate key value",
                                   .detail = "Key (email)=(a@b.c) already exists.",
                                   .hint = ""});
  EXPECT_EQ(duplicate.message, "duplicate key value") << "a row's value must not be shown";
}

}  // namespace
}  // namespace foreshard::pg
