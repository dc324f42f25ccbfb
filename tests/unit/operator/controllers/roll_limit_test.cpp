#include "operator/controllers/roll_limit.h"

#include <gtest/gtest.h>

namespace foreshard::op {
namespace {

const kube::ObjectRef kFirst{"shop", "orders"};
const kube::ObjectRef kSecond{"shop", "bills"};
const kube::ObjectRef kThird{"else", "orders"};

TEST(RollLimit, WhoHasAPlaceKeepsItAndOthersWaitForOne) {
  RollLimit limit(2);
  limit.Enter(kFirst);
  limit.Enter(kFirst);
  EXPECT_TRUE(limit.May(kSecond)) << "a set has one place, however often it comes";
  limit.Enter(kSecond);
  EXPECT_FALSE(limit.May(kThird));
  EXPECT_TRUE(limit.May(kFirst));
  limit.Leave(kThird);
  EXPECT_FALSE(limit.May(kThird)) << "who has none can give none back";
  limit.Leave(kFirst);
  EXPECT_TRUE(limit.May(kThird));
}

}  // namespace
}  // namespace foreshard::op
