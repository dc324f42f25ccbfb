#include "kube/paths.h"

#include <gtest/gtest.h>

#include "kube/kinds.h"

namespace foreshard::kube {
namespace {

TEST(Paths, FollowTheGroup) {
  EXPECT_EQ(CollectionPath(kPods, "shop"), "/api/v1/namespaces/shop/pods");
  EXPECT_EQ(CollectionPath(kPods, ""), "/api/v1/pods");
  EXPECT_EQ(CollectionPath(kStatefulSets, "shop"), "/apis/apps/v1/namespaces/shop/statefulsets");
  EXPECT_EQ(CollectionPath(kNodes, "ignored"), "/api/v1/nodes");
}

TEST(Paths, NameTheObjectAndItsSubresource) {
  EXPECT_EQ(ObjectPath(kShardSets, {"shop", "orders"}),
            "/apis/foreshard.dev/v1alpha1/namespaces/shop/shardsets/orders");
  EXPECT_EQ(ObjectPath(kPods, {"shop", "a"}, "eviction"),
            "/api/v1/namespaces/shop/pods/a/eviction");
  EXPECT_EQ(ObjectPath(kNamespaces, {"", "shop"}), "/api/v1/namespaces/shop");
}

TEST(Paths, CannotBeLeftByAName) {
  EXPECT_EQ(ObjectPath(kPods, {"shop", "../secrets?x=1"}),
            "/api/v1/namespaces/shop/pods/..%2Fsecrets%3Fx%3D1");
}

TEST(PathsDeathTest, AnObjectHasANameAndANamespace) {
  EXPECT_DEATH(static_cast<void>(ObjectPath(kPods, {"shop", ""})), "without a name");
  EXPECT_DEATH(static_cast<void>(ObjectPath(kPods, {"", "a"})), "without a namespace");
}

TEST(Query, EncodesAndLeavesOutWhatIsEmpty) {
  EXPECT_EQ(QueryOf({}), "");
  EXPECT_EQ(QueryOf({{"a", ""}}), "");
  EXPECT_EQ(QueryOf({{"labelSelector", "a=b,c in (d, e)"}, {"x", ""}, {"limit", "5"}}),
            "?labelSelector=a%3Db%2Cc%20in%20%28d%2C%20e%29&limit=5");
}

}  // namespace
}  // namespace foreshard::kube
