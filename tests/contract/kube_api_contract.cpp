#include "tests/contract/kube_api_contract.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "kube/kinds.h"

namespace foreshard::contract {

using kube::kConfigMaps;
using kube::kLoadEvents;
using kube::Object;

void KubeApiContract::SetUp() {
  world_ = GetParam().make();
  ASSERT_NE(world_, nullptr) << "no world " << GetParam().name;
  name_space_ = world_->name_space();
}

std::string KubeApiContract::Event(const std::string& name, int percent,
                                   const std::string& labels) {
  return fmt::format(
      R"({{"apiVersion":"foreshard.dev/v1alpha1","kind":"LoadEvent","metadata":{{"name":"{}",)"
      R"("labels":{}}},)"
      R"("spec":{{"shardSetName":"orders","class":"Campaign","start":"2026-11-27T06:00:00Z",)"
      R"("duration":"1h",)"
      R"("expectedMultiplierPercent":{}}}}})",
      name, labels, percent);
}

std::string KubeApiContract::Config(const std::string& name, const std::string& data) {
  return fmt::format(
      R"({{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"{}"}},"data":{}}})", name,
      data);
}

Object KubeApiContract::MustCreateEvent(const std::string& name, int percent,
                                        const std::string& labels) {
  Result<Object> created =
      api().Create(kLoadEvents, Ref(name), Event(name, percent, labels), Soon());
  EXPECT_TRUE(created) << created.error().message;
  return created ? *created : Object{};
}

Object KubeApiContract::MustGet(const kube::ResourceKind& kind, const std::string& name) {
  const Result<std::optional<Object>> found = api().Get(kind, Ref(name), Soon());
  EXPECT_TRUE(found) << found.error().message;
  EXPECT_TRUE(found && found->has_value()) << name << " is not there";
  return found && found->has_value() ? **found : Object{};
}

std::string KubeApiContract::At(const Object& object, const std::string& pointer) {
  const nlohmann::json value = nlohmann::json::parse(object.json, nullptr, false);
  const nlohmann::json::json_pointer path(pointer);
  if (!value.is_object() || !value.contains(path)) return {};
  const nlohmann::json& found = value[path];
  return found.is_string() ? found.get<std::string>() : found.dump();
}

namespace {

TEST_P(KubeApiContract, NotFoundIsAnAnswer) {
  const Result<std::optional<Object>> found = api().Get(kLoadEvents, Ref("nobody"), Soon());
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_FALSE(found->has_value());
  EXPECT_TRUE(api().Delete(kLoadEvents, Ref("nobody"), {}, Soon()));
}

TEST_P(KubeApiContract, ACreatedObjectHasItsMetadata) {
  const Object made = MustCreateEvent("sale", 300, R"({"tier":"gold"})");
  const Object seen = MustGet(kLoadEvents, "sale");
  EXPECT_EQ(seen.metadata.name, "sale");
  EXPECT_EQ(seen.metadata.name_space, name_space_);
  EXPECT_EQ(seen.metadata.generation, 1);
  EXPECT_FALSE(seen.metadata.uid.empty());
  EXPECT_FALSE(seen.metadata.creation_timestamp.empty());
  EXPECT_EQ(seen.metadata.resource_version, made.metadata.resource_version);
  EXPECT_EQ(seen.metadata.labels.at("tier"), "gold");
  EXPECT_FALSE(seen.metadata.deletion_timestamp);
  EXPECT_EQ(At(seen, "/kind"), "LoadEvent");
  EXPECT_EQ(At(seen, "/spec/expectedMultiplierPercent"), "300");
}

TEST_P(KubeApiContract, AnExistingNameCannotBeCreated) {
  MustCreateEvent("sale", 300);
  const Result<Object> again = api().Create(kLoadEvents, Ref("sale"), Event("sale", 100), Soon());
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, Error::Kind::kReobserve);
  EXPECT_EQ(again.error().code, "409");
  EXPECT_EQ(again.error().reason, "AlreadyExists");
  EXPECT_EQ(At(MustGet(kLoadEvents, "sale"), "/spec/expectedMultiplierPercent"), "300");
}

TEST_P(KubeApiContract, WhatIsNoObjectIsRefused) {
  for (const char* body : {"no json", R"({"metadata":{"name":"sale"}})"}) {
    const Result<Object> made = api().Create(kLoadEvents, Ref("sale"), body, Soon());
    ASSERT_FALSE(made) << body;
    EXPECT_EQ(made.error().kind, Error::Kind::kGiveUp) << body;
    EXPECT_EQ(made.error().code, "400") << body;
  }
}

TEST_P(KubeApiContract, AnApplyNamesItsObject) {
  const Result<Object> nameless = api().Apply(
      kConfigMaps, Ref("settings"), R"({"apiVersion":"v1","kind":"ConfigMap"})", {}, Soon());
  ASSERT_FALSE(nameless);
  EXPECT_EQ(nameless.error().kind, Error::Kind::kGiveUp);
  EXPECT_EQ(nameless.error().code, "400");
}

TEST_P(KubeApiContract, AStaleVersionCannotReplace) {
  const Object first = MustCreateEvent("sale", 300);
  const auto changed = [&](const Object& base, int percent) {
    nlohmann::json value = nlohmann::json::parse(base.json);
    value["spec"]["expectedMultiplierPercent"] = percent;
    return value.dump();
  };
  const Result<Object> second =
      api().Replace(kLoadEvents, Ref("sale"), changed(first, 200), "", Soon());
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_NE(second->metadata.resource_version, first.metadata.resource_version);

  const Result<Object> late =
      api().Replace(kLoadEvents, Ref("sale"), changed(first, 100), "", Soon());
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, Error::Kind::kReobserve);
  EXPECT_EQ(late.error().code, "409");
  EXPECT_EQ(At(MustGet(kLoadEvents, "sale"), "/spec/expectedMultiplierPercent"), "200");
}

TEST_P(KubeApiContract, ReplacingWithTheSameIsNoChange) {
  const Object first = MustCreateEvent("sale", 300);
  const Result<Object> same = api().Replace(kLoadEvents, Ref("sale"), first.json, "", Soon());
  ASSERT_TRUE(same) << same.error().message;
  EXPECT_EQ(same->metadata.resource_version, first.metadata.resource_version);
}

TEST_P(KubeApiContract, WhatIsNotThereCannotBeReplacedOrPatched) {
  Object gone = MustCreateEvent("sale", 300);
  ASSERT_TRUE(api().Delete(kLoadEvents, Ref("sale"), {}, Soon()));
  const Result<Object> replaced = api().Replace(kLoadEvents, Ref("sale"), gone.json, "", Soon());
  ASSERT_FALSE(replaced);
  EXPECT_EQ(replaced.error().kind, Error::Kind::kReobserve);
  const Result<Object> patched =
      api().Patch(kLoadEvents, Ref("sale"), R"({"spec":{"before":"1h"}})", {}, Soon());
  ASSERT_FALSE(patched);
  EXPECT_EQ(patched.error().kind, Error::Kind::kReobserve);
  EXPECT_EQ(patched.error().code, "404");
}

TEST_P(KubeApiContract, AMergePatchSetsAndRemoves) {
  MustCreateEvent("sale", 300, R"({"tier":"gold"})");
  const Result<Object> patched =
      api().Patch(kLoadEvents, Ref("sale"),
                  R"({"metadata":{"labels":{"tier":null,"team":"shop"}},)"
                  R"("spec":{"expectedMultiplierPercent":150}})",
                  {}, Soon());
  ASSERT_TRUE(patched) << patched.error().message;
  const Object seen = MustGet(kLoadEvents, "sale");
  EXPECT_FALSE(seen.metadata.labels.contains("tier"));
  EXPECT_EQ(seen.metadata.labels.at("team"), "shop");
  EXPECT_EQ(At(seen, "/spec/expectedMultiplierPercent"), "150");
  EXPECT_EQ(At(seen, "/spec/class"), "Campaign");
}

TEST_P(KubeApiContract, APatchWithAVersionIsACompareAndSwap) {
  const Object first = MustCreateEvent("sale", 300);
  const auto patch = [&](int percent) {
    return api().Patch(kLoadEvents, Ref("sale"),
                       fmt::format(R"({{"metadata":{{"resourceVersion":"{}"}},)"
                                   R"("spec":{{"expectedMultiplierPercent":{}}}}})",
                                   first.metadata.resource_version, percent),
                       {}, Soon());
  };
  ASSERT_TRUE(patch(200));
  const Result<Object> late = patch(100);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, Error::Kind::kReobserve);
  EXPECT_EQ(late.error().code, "409");
  EXPECT_EQ(At(MustGet(kLoadEvents, "sale"), "/spec/expectedMultiplierPercent"), "200");
}

TEST_P(KubeApiContract, APatchThatChangesNothingKeepsTheVersion) {
  const Object first = MustCreateEvent("sale", 300);
  const Result<Object> same = api().Patch(
      kLoadEvents, Ref("sale"), R"({"spec":{"expectedMultiplierPercent":300}})", {}, Soon());
  ASSERT_TRUE(same) << same.error().message;
  EXPECT_EQ(same->metadata.resource_version, first.metadata.resource_version);
}

TEST_P(KubeApiContract, AGenerationCountsTheSpecOnly) {
  MustCreateEvent("sale", 300);
  ASSERT_TRUE(
      api().Patch(kLoadEvents, Ref("sale"), R"({"metadata":{"labels":{"a":"b"}}})", {}, Soon()));
  ASSERT_TRUE(api().Patch(kLoadEvents, Ref("sale"), R"({"status":{"observedGeneration":1}})",
                          {.subresource = "status"}, Soon()));
  EXPECT_EQ(MustGet(kLoadEvents, "sale").metadata.generation, 1);
  ASSERT_TRUE(api().Patch(kLoadEvents, Ref("sale"), R"({"spec":{"expectedMultiplierPercent":1}})",
                          {}, Soon()));
  EXPECT_EQ(MustGet(kLoadEvents, "sale").metadata.generation, 2);
}

TEST_P(KubeApiContract, SpecAndStatusAreWrittenApart) {
  MustCreateEvent("sale", 300);
  ASSERT_TRUE(
      api().Patch(kLoadEvents, Ref("sale"),
                  R"({"spec":{"expectedMultiplierPercent":7},"status":{"observedGeneration":5}})",
                  {.subresource = "status"}, Soon()));
  ASSERT_TRUE(
      api().Patch(kLoadEvents, Ref("sale"),
                  R"({"spec":{"expectedMultiplierPercent":200},"status":{"observedGeneration":9}})",
                  {}, Soon()));
  const Object seen = MustGet(kLoadEvents, "sale");
  EXPECT_EQ(At(seen, "/spec/expectedMultiplierPercent"), "200");
  EXPECT_EQ(At(seen, "/status/observedGeneration"), "5");
}

TEST_P(KubeApiContract, AKindWithoutStatusKeepsEverything) {
  ASSERT_TRUE(
      api().Create(kConfigMaps, Ref("settings"), Config("settings", R"({"a":"1"})"), Soon()));
  ASSERT_TRUE(api().Patch(kConfigMaps, Ref("settings"), R"({"data":{"b":"2"}})", {}, Soon()));
  const Object seen = MustGet(kConfigMaps, "settings");
  EXPECT_EQ(At(seen, "/data"), R"({"a":"1","b":"2"})");
  EXPECT_EQ(seen.metadata.generation, 0);
}

TEST_P(KubeApiContract, ADeleteKeepsToItsPreconditions) {
  const Object first = MustCreateEvent("sale", 300);
  const Status wrong = api().Delete(kLoadEvents, Ref("sale"),
                                    {.uid = "00000000-0000-4000-8000-00000000dead"}, Soon());
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().kind, Error::Kind::kReobserve);
  EXPECT_EQ(wrong.error().code, "409");
  const Status old = api().Delete(kLoadEvents, Ref("sale"), {.resource_version = "1"}, Soon());
  ASSERT_FALSE(old);
  EXPECT_EQ(old.error().code, "409");
  MustGet(kLoadEvents, "sale");

  ASSERT_TRUE(api().Delete(kLoadEvents, Ref("sale"), {.uid = first.metadata.uid}, Soon()));
  const Object second = MustCreateEvent("sale", 300);
  EXPECT_NE(second.metadata.uid, first.metadata.uid);
}

TEST_P(KubeApiContract, AFinalizerKeepsADeletedObject) {
  MustCreateEvent("sale", 300);
  ASSERT_TRUE(api().Patch(kLoadEvents, Ref("sale"),
                          R"({"metadata":{"finalizers":["foreshard.dev/test"]}})", {}, Soon()));
  ASSERT_TRUE(api().Delete(kLoadEvents, Ref("sale"), {}, Soon()));
  const Object marked = MustGet(kLoadEvents, "sale");
  EXPECT_TRUE(marked.metadata.deletion_timestamp);
  EXPECT_EQ(marked.metadata.finalizers, std::vector<std::string>{"foreshard.dev/test"});

  ASSERT_TRUE(
      api().Delete(kLoadEvents, Ref("sale"), {}, Soon()));  // A second time changes nothing.
  EXPECT_EQ(MustGet(kLoadEvents, "sale").metadata.resource_version,
            marked.metadata.resource_version);

  const Result<Object> more = api().Patch(
      kLoadEvents, Ref("sale"),
      R"({"metadata":{"finalizers":["foreshard.dev/test","foreshard.dev/late"]}})", {}, Soon());
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().kind, Error::Kind::kGiveUp);

  ASSERT_TRUE(
      api().Patch(kLoadEvents, Ref("sale"), R"({"metadata":{"finalizers":null}})", {}, Soon()));
  const Result<std::optional<Object>> gone = api().Get(kLoadEvents, Ref("sale"), Soon());
  ASSERT_TRUE(gone);
  EXPECT_FALSE(gone->has_value());
}

TEST_P(KubeApiContract, AListHasWhatIsSelected) {
  MustCreateEvent("a", 100, R"({"tier":"gold","team":"shop"})");
  MustCreateEvent("b", 100, R"({"tier":"silver"})");
  MustCreateEvent("c", 100, "{}");
  const auto names = [&](const std::string& labels, const std::string& fields = "") {
    const auto list = api().List(
        kLoadEvents,
        {.name_space = name_space_, .label_selector = labels, .field_selector = fields}, Soon());
    EXPECT_TRUE(list) << list.error().message;
    std::string text;
    if (list) {
      for (const Object& item : list->items) text += item.metadata.name;
    }
    return text;
  };
  EXPECT_EQ(names(""), "abc");
  EXPECT_EQ(names("tier=gold"), "a");
  EXPECT_EQ(names("tier!=gold"), "bc");
  EXPECT_EQ(names("tier"), "ab");
  EXPECT_EQ(names("!tier"), "c");
  EXPECT_EQ(names("tier in (gold, silver),!team"), "b");
  EXPECT_EQ(names("tier notin (gold)"), "bc");
  EXPECT_EQ(names("", "metadata.name=b"), "b");
  EXPECT_EQ(names("", "metadata.name!=b"), "ac");
}

TEST_P(KubeApiContract, AListHasAllPages) {
  for (int i = 0; i < 5; ++i) MustCreateEvent("e" + std::to_string(i), 100 + i);
  const auto list = api().List(kLoadEvents, {.name_space = name_space_, .page_size = 2}, Soon());
  ASSERT_TRUE(list) << list.error().message;
  ASSERT_EQ(list->items.size(), 5u);
  EXPECT_EQ(list->items[4].metadata.name, "e4");
  EXPECT_FALSE(list->resource_version.empty());
}

TEST_P(KubeApiContract, ListedObjectsSayTheirKind) {
  ASSERT_TRUE(api().Create(kConfigMaps, Ref("settings"), Config("settings", "{}"), Soon()));
  const auto list = api().List(
      kConfigMaps, {.name_space = name_space_, .field_selector = "metadata.name=settings"}, Soon());
  ASSERT_TRUE(list) << list.error().message;
  ASSERT_EQ(list->items.size(), 1u);
  EXPECT_EQ(At(list->items[0], "/kind"), "ConfigMap");
  EXPECT_EQ(At(list->items[0], "/apiVersion"), "v1");
}

TEST_P(KubeApiContract, AnEvictionKeepsToItsBudget) {
  const std::string pod =
      R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","labels":{"app":"p"}},)"
      R"("spec":{"automountServiceAccountToken":false,"containers":[{"name":"c","image":"i"}]}})";
  const std::string budget =
      R"({"apiVersion":"policy/v1","kind":"PodDisruptionBudget","metadata":{"name":"p"},)"
      R"("spec":{"minAvailable":1,"selector":{"matchLabels":{"app":"p"}}}})";
  // A pod needs its service account, which elsewhere a controller makes.
  ASSERT_TRUE(api().Create(
      kube::kServiceAccounts, Ref("default"),
      R"({"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"default"}})", Soon()));
  const Result<Object> created = api().Create(kube::kPods, Ref("p"), pod, Soon());
  ASSERT_TRUE(created) << created.error().message;
  ASSERT_TRUE(api().Create(kube::kPodDisruptionBudgets, Ref("p"), budget, Soon()));
  const auto running = api().Patch(
      kube::kPods, Ref("p"),
      R"({"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}})",
      {.subresource = "status"}, Soon());
  ASSERT_TRUE(running) << running.error().message;
  const auto allow = [&](int disruptions) {
    return api().Patch(
        kube::kPodDisruptionBudgets, Ref("p"),
        fmt::format(
            R"({{"status":{{"observedGeneration":1,"disruptionsAllowed":{},"currentHealthy":1,)"
            R"("desiredHealthy":1,"expectedPods":1}}}})",
            disruptions),
        {.subresource = "status"}, Soon());
  };
  ASSERT_TRUE(allow(0));
  const Status refused = api().Evict(Ref("p"), Soon());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, Error::Kind::kRetry);
  EXPECT_EQ(refused.error().code, "429");

  ASSERT_TRUE(allow(1));
  const Status evicted = api().Evict(Ref("p"), Soon());
  ASSERT_TRUE(evicted) << evicted.error().message;
  const Result<std::optional<Object>> gone = api().Get(kube::kPods, Ref("p"), Soon());
  ASSERT_TRUE(gone);
  EXPECT_TRUE(!gone->has_value() || (*gone)->metadata.deletion_timestamp);

  const Status missing = api().Evict(Ref("nobody"), Soon());
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, Error::Kind::kReobserve);
  EXPECT_EQ(missing.error().code, "404");
}

}  // namespace
}  // namespace foreshard::contract
