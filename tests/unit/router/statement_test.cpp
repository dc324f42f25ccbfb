#include "router/statement.h"

#include <gtest/gtest.h>

namespace foreshard::router {
namespace {

TEST(Statement, ComparesDeeply) {
  Statement a;
  Statement b;
  EXPECT_TRUE(a == b);
  a.inner = std::make_shared<const Statement>();
  EXPECT_FALSE(a == b);
  b.inner = std::make_shared<const Statement>();
  EXPECT_TRUE(a == b);
  Statement read;
  read.kind = StatementKind::kRead;
  b.inner = std::make_shared<const Statement>(read);
  EXPECT_FALSE(a == b);
}

}  // namespace
}  // namespace foreshard::router
