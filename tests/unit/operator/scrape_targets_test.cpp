#include "operator/scrape_targets.h"

#include <gtest/gtest.h>

#include "operator/api/value.h"

namespace foreshard::op {
namespace {

kube::Object Pod(const std::string& name, const std::string& phase, const std::string& address,
                 int port) {
  kube::Object pod;
  pod.metadata.name_space = "shop";
  pod.metadata.name = name;
  pod.metadata.labels = {{"foreshard.dev/shardset", "orders"},
                         {"foreshard.dev/component", "shard"},
                         {"foreshard.dev/shard", "s-a"}};
  pod.json = ToJson(Value::Object(
      {{"spec",
        Value::Object(
            {{"nodeName", "node-a"},
             {"containers",
              Value::Array({Value::Object({{"name", "postgres"}}),
                            Value::Object({{"name", "exporter"},
                                           {"ports", Value::Array({Value::Object(
                                                         {{"name", "metrics"},
                                                          {"containerPort", port}})})}})})}})},
       {"status", Value::Object({{"phase", phase}, {"podIP", address}, {"hostIP", "10.0.0.1"}})}}));
  return pod;
}

TEST(ScrapeTargets, NamesRunningPodsWithTheirLabels) {
  const auto text = ScrapeTargets(
      "/targets/pods", {Pod("a", "Running", "10.1.0.2", 9187), Pod("b", "Pending", "", 9187)});
  ASSERT_TRUE(text);
  EXPECT_EQ(*text, R"([{"labels":{"component":"shard","namespace":"shop","pod":"a","shard":"s-a",)"
                   R"("shardset":"orders"},"targets":["10.1.0.2:9187"]}])");
}

TEST(ScrapeTargets, NamesEachKubeletOnce) {
  const auto text = ScrapeTargets("/targets/kubelets", {Pod("a", "Running", "10.1.0.2", 9187),
                                                        Pod("b", "Running", "10.1.0.3", 9187)});
  ASSERT_TRUE(text);
  EXPECT_EQ(*text, R"([{"labels":{"node":"node-a"},"targets":["10.0.0.1:10250"]}])");
}

TEST(ScrapeTargets, KnowsNoOtherPath) {
  EXPECT_FALSE(ScrapeTargets("/targets", {}));
  EXPECT_EQ(ScrapeTargets("/targets/pods", {}), "[]");
}

}  // namespace
}  // namespace foreshard::op
