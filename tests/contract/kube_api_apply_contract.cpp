#include <fmt/format.h>

#include "kube/kinds.h"
#include "tests/contract/kube_api_contract.h"

// Server-side apply: who owns which field.

namespace foreshard::contract {
namespace {

using kube::ApplyOptions;
using kube::kConfigMaps;
using kube::kLoadEvents;
using kube::Object;

class Applying {
 public:
  Applying(kube::KubeApi& api, kube::ObjectRef ref, Deadline deadline)
      : api_(api), ref_(ref), deadline_(deadline) {}

  Result<Object> Data(const std::string& manager, const std::string& data, bool force = true,
                      bool dry_run = false) {
    return api_.Apply(
        kConfigMaps, ref_,
        fmt::format(
            R"({{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"{}"}},"data":{}}})",
            ref_.name, data),
        {.field_manager = manager, .force = force, .dry_run = dry_run}, deadline_);
  }

 private:
  kube::KubeApi& api_;
  kube::ObjectRef ref_;
  Deadline deadline_;
};

TEST_P(KubeApiContract, ApplyCreatesAndIsThenNoChange) {
  Applying settings(api(), Ref("settings"), Soon());
  const Result<Object> first = settings.Data("us", R"({"a":"1"})");
  ASSERT_TRUE(first) << first.error().message;
  const Result<Object> again = settings.Data("us", R"({"a":"1"})");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->metadata.resource_version, first->metadata.resource_version);
}

TEST_P(KubeApiContract, ApplyRemovesWhatItNoLongerLists) {
  Applying settings(api(), Ref("settings"), Soon());
  ASSERT_TRUE(settings.Data("us", R"({"a":"1","b":"2"})"));
  ASSERT_TRUE(settings.Data("us", R"({"a":"1"})"));
  EXPECT_EQ(At(MustGet(kConfigMaps, "settings"), "/data"), R"({"a":"1"})");
}

TEST_P(KubeApiContract, FieldsOfOthersSurviveAnApply) {
  Applying settings(api(), Ref("settings"), Soon());
  ASSERT_TRUE(settings.Data("us", R"({"a":"1"})"));
  ASSERT_TRUE(settings.Data("them", R"({"b":"2"})"));
  ASSERT_TRUE(api().Patch(kConfigMaps, Ref("settings"), R"({"data":{"c":"3"}})",
                          {.field_manager = "kubectl"}, Soon()));
  ASSERT_TRUE(settings.Data("us", R"({"a":"9"})"));
  EXPECT_EQ(At(MustGet(kConfigMaps, "settings"), "/data"), R"({"a":"9","b":"2","c":"3"})");
}

TEST_P(KubeApiContract, AFieldThatTwoApplyGoesWithTheLast) {
  Applying settings(api(), Ref("settings"), Soon());
  ASSERT_TRUE(settings.Data("us", R"({"a":"1","b":"2"})"));
  ASSERT_TRUE(settings.Data("them", R"({"b":"2"})", false));
  ASSERT_TRUE(settings.Data("us", R"({"a":"1"})"));
  EXPECT_EQ(At(MustGet(kConfigMaps, "settings"), "/data/b"), "2");
  ASSERT_TRUE(settings.Data("them", R"({"z":"0"})"));
  EXPECT_EQ(At(MustGet(kConfigMaps, "settings"), "/data/b"), "");
}

TEST_P(KubeApiContract, TakingAFieldNeedsForce) {
  Applying settings(api(), Ref("settings"), Soon());
  ASSERT_TRUE(settings.Data("them", R"({"a":"1"})"));
  const Result<Object> refused = settings.Data("us", R"({"a":"2"})", false);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, Error::Kind::kReobserve);
  EXPECT_EQ(refused.error().code, "409");
  EXPECT_EQ(At(MustGet(kConfigMaps, "settings"), "/data/a"), "1");

  ASSERT_TRUE(settings.Data("us", R"({"a":"2"})", true));
  EXPECT_EQ(At(MustGet(kConfigMaps, "settings"), "/data/a"), "2");
  ASSERT_TRUE(settings.Data("them", R"({"b":"1"})"));  // It lost the field and takes nothing away.
  EXPECT_EQ(At(MustGet(kConfigMaps, "settings"), "/data/a"), "2");
}

TEST_P(KubeApiContract, ADryRunOfApplyStoresNothing) {
  Applying settings(api(), Ref("settings"), Soon());
  const Result<Object> never = settings.Data("us", R"({"a":"1"})", true, true);
  ASSERT_TRUE(never) << never.error().message;
  EXPECT_FALSE(api().Get(kConfigMaps, Ref("settings"), Soon())->has_value());
  ASSERT_TRUE(settings.Data("us", R"({"a":"1"})"));
  const Result<Object> shown = settings.Data("us", R"({"a":"2"})", true, true);
  ASSERT_TRUE(shown) << shown.error().message;
  EXPECT_EQ(At(*shown, "/data/a"), "2");
  EXPECT_EQ(At(MustGet(kConfigMaps, "settings"), "/data/a"), "1");
}

TEST_P(KubeApiContract, AnApplyWithAStaleVersionIsRefused) {
  const Object first = MustCreateEvent("sale", 300);
  ASSERT_TRUE(api().Patch(kLoadEvents, Ref("sale"), R"({"spec":{"before":"1h"}})", {}, Soon()));
  const Result<Object> late = api().Apply(
      kLoadEvents, Ref("sale"),
      fmt::format(
          R"({{"apiVersion":"foreshard.dev/v1alpha1","kind":"LoadEvent",)"
          R"("metadata":{{"name":"sale","resourceVersion":"{}"}},"spec":{{"after":"1h"}}}})",
          first.metadata.resource_version),
      {}, Soon());
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, Error::Kind::kReobserve);
  EXPECT_EQ(late.error().code, "409");
}

TEST_P(KubeApiContract, ConditionsMergeByType) {
  MustCreateEvent("sale", 300);
  const auto apply = [&](const std::string& manager, const std::string& type,
                         const std::string& reason) {
    return api().Apply(
        kLoadEvents, Ref("sale"),
        fmt::format(
            R"({{"apiVersion":"foreshard.dev/v1alpha1","kind":"LoadEvent",)"
            R"("metadata":{{"name":"sale"}},"status":{{"conditions":[{{"type":"{}",)"
            R"("status":"True",)"
            R"("reason":"{}","message":"","lastTransitionTime":"2026-05-01T09:10:00Z"}}]}}}})",
            type, reason),
        {.field_manager = manager, .subresource = "status"}, Soon());
  };
  const auto first = apply("us", "Ready", "AllGood");
  ASSERT_TRUE(first) << first.error().message;
  ASSERT_TRUE(apply("them", "Known", "Seen"));
  ASSERT_TRUE(apply("us", "Ready", "Still"));
  const Object seen = MustGet(kLoadEvents, "sale");
  EXPECT_EQ(At(seen, "/status/conditions/0/reason"), "Still");
  EXPECT_EQ(At(seen, "/status/conditions/1/type"), "Known");
  EXPECT_EQ(seen.metadata.generation, 1);

  ASSERT_TRUE(apply("us", "Other", "New"));  // Ready is no longer listed by its owner.
  const Object after = MustGet(kLoadEvents, "sale");
  EXPECT_EQ(after.json.find("Still"), std::string::npos);
  EXPECT_NE(after.json.find("Known"), std::string::npos);
  EXPECT_NE(after.json.find("Other"), std::string::npos);
}

TEST_P(KubeApiContract, ContainersMergeByName) {
  const auto apply = [&](const std::string& manager, const std::string& containers,
                         const std::string& more = "") {
    return api().Apply(
        kube::kDeployments, Ref("router"),
        R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"router"},"spec":{)" +
            more +
            R"("selector":{"matchLabels":{"app":"r"}},)"
            R"("template":{"metadata":{"labels":{"app":"r"}},"spec":{"containers":)" +
            containers + "}}}}",
        {.field_manager = manager}, Soon());
  };
  const auto made =
      apply("us", R"([{"name":"router","image":"one","ports":[{"containerPort":5432}]}])",
            R"("replicas":2,)");
  ASSERT_TRUE(made) << made.error().message;
  ASSERT_TRUE(apply("them", R"([{"name":"sidecar","image":"two"}])"));
  ASSERT_TRUE(api().Patch(kube::kDeployments, Ref("router"), R"({"spec":{"replicas":7}})",
                          {.field_manager = "autoscaler"}, Soon()));
  ASSERT_TRUE(apply("us", R"([{"name":"router","image":"three"}])"));
  const Object seen = MustGet(kube::kDeployments, "router");
  EXPECT_EQ(At(seen, "/spec/replicas"), "7") << "the autoscaler's field was taken";
  EXPECT_EQ(At(seen, "/spec/template/spec/containers/0/image"), "three");
  EXPECT_EQ(At(seen, "/spec/template/spec/containers/0/ports"), "");
  EXPECT_EQ(At(seen, "/spec/template/spec/containers/1/name"), "sidecar");
}

}  // namespace
}  // namespace foreshard::contract
