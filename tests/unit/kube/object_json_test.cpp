#include "kube/object_json.h"

#include <gtest/gtest.h>

#include "kube/kinds.h"

namespace foreshard::kube {
namespace {

constexpr char kPod[] =
    R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","namespace":"shop","uid":"u",
  "resourceVersion":"7","generation":3,"creationTimestamp":"2026-05-01T09:10:00Z",
      "labels":{"x":"y"},
  "annotations":{"n":"m"},"finalizers":["f"],"ownerReferences":[{"apiVersion":"apps/v1",
      "kind":"StatefulSet",
  "name":"s","uid":"v","controller":true}]},"spec":{}})";

TEST(ParseObject, ReadsTheMetadataAndKeepsTheText) {
  const Result<Object> object = ParseObject(kPod);
  ASSERT_TRUE(object);
  const Metadata& metadata = object->metadata;
  EXPECT_EQ(object->ref(), (ObjectRef{"shop", "a"}));
  EXPECT_EQ(metadata.uid, "u");
  EXPECT_EQ(metadata.resource_version, "7");
  EXPECT_EQ(metadata.generation, 3);
  EXPECT_EQ(metadata.creation_timestamp, "2026-05-01T09:10:00Z");
  EXPECT_FALSE(metadata.deletion_timestamp);
  EXPECT_EQ(metadata.labels.at("x"), "y");
  EXPECT_EQ(metadata.annotations.at("n"), "m");
  EXPECT_EQ(metadata.finalizers, std::vector<std::string>{"f"});
  ASSERT_EQ(metadata.owners.size(), 1u);
  EXPECT_EQ(metadata.owners[0].kind, "StatefulSet");
  EXPECT_TRUE(metadata.owners[0].controller);
  EXPECT_EQ(object->json, kPod);
}

TEST(ParseObject, TakesWrongTypesForAbsent) {
  const Result<Object> object =
      ParseObject(R"({"metadata":{"name":1,"labels":[],"finalizers":{},"generation":"x",)"
                  R"("ownerReferences":[7],"annotations":{"a":1}}})");
  ASSERT_TRUE(object);
  EXPECT_EQ(object->metadata.name, "");
  EXPECT_EQ(object->metadata.generation, 0);
  EXPECT_TRUE(object->metadata.labels.empty());
  EXPECT_TRUE(object->metadata.annotations.empty());
  EXPECT_TRUE(object->metadata.owners.empty());
}

TEST(ParseObject, RefusesWhatIsNoObject) {
  for (const char* text : {"", "[]", "{", "7", "null"}) {
    const Result<Object> object = ParseObject(text);
    ASSERT_FALSE(object) << text;
    EXPECT_EQ(object.error().kind, Error::Kind::kGiveUp);
  }
}

TEST(ParseListPage, GivesItemsTheirKind) {
  const Result<ListPage> page =
      ParseListPage(kStatefulSets, R"({"metadata":{"resourceVersion":"9","continue":"next"},)"
                                   R"("items":[{"metadata":{"name":"a"}}]})");
  ASSERT_TRUE(page);
  EXPECT_EQ(page->resource_version, "9");
  EXPECT_EQ(page->continue_token, "next");
  ASSERT_EQ(page->items.size(), 1u);
  EXPECT_EQ(page->items[0].json,
            R"({"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"a"}})");
}

TEST(ParseListPage, DropsTheFieldsOfManagersAsWatchesDo) {
  const std::string object = R"({"metadata":{"managedFields":[{"manager":"x"}],"name":"a"}})";
  const Result<ListPage> page = ParseListPage(kPods, R"({"items":[)" + object + "]}");
  ASSERT_TRUE(page && page->items.size() == 1);
  EXPECT_EQ(page->items[0].json, R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"}})");
  const auto event = ParseWatchLine(R"({"type":"ADDED","object":)" + object + "}");
  ASSERT_TRUE(event);
  EXPECT_EQ(event->object.json, R"({"metadata":{"name":"a"}})");
}

// Wherever they stand, and nothing else that is called so.
TEST(ParseWatchLine, CutsTheFieldsOfManagersOut) {
  const auto kept = [](const std::string& metadata) {
    const auto event = ParseWatchLine(R"({"type":"ADDED","object":{"kind":"Pod","metadata":)" +
                                      metadata + R"(,"status":{"managedFields":1}}})");
    EXPECT_TRUE(event) << metadata;
    std::string text = event ? event->object.json : "";
    EXPECT_TRUE(ParseObject(text)) << text;
    const std::string end = R"(,"status":{"managedFields":1}})";
    EXPECT_TRUE(text.ends_with(end)) << text;
    return text.substr(0, text.size() - end.size());
  };
  const std::string begin = R"({"kind":"Pod","metadata":)";
  EXPECT_EQ(kept(R"({"managedFields":[{"a":"]}"}],"name":"a"})"), begin + R"({"name":"a"})");
  EXPECT_EQ(kept(R"({"name":"a","managedFields":[{"a":{}}]})"), begin + R"({"name":"a"})");
  EXPECT_EQ(kept(R"({"name":"a","managedFields":[],"uid":"u"})"),
            begin + R"({"name":"a","uid":"u"})");
  EXPECT_EQ(kept(R"({"managedFields":[]})"), begin + "{}");
  EXPECT_EQ(kept("{ \"name\" : \"a\" ,\t\"managedFields\" : [ ] }"), begin + R"({ "name" : "a" })");
  EXPECT_EQ(kept(R"({"annotations":{"managedFields":"x"},"name":"a"})"),
            begin + R"({"annotations":{"managedFields":"x"},"name":"a"})");
  EXPECT_EQ(kept(R"({"labels":{"a":"managedFields\":["},"managedFields":[],"name":"a"})"),
            begin + R"({"labels":{"a":"managedFields\":["},"name":"a"})");
}

TEST(ParseListPage, AnItemThatSaysItsKindKeepsItAndATornListIsNone) {
  const auto page = ParseListPage(
      kPods, R"({"items":[{"kind":"Own","apiVersion":"v9","metadata":{"name":"a"}},{}]})");
  ASSERT_TRUE(page && page->items.size() == 2);
  EXPECT_EQ(page->items[0].json, R"({"kind":"Own","apiVersion":"v9","metadata":{"name":"a"}})");
  EXPECT_EQ(page->items[1].json, R"({"apiVersion":"v1","kind":"Pod"})");
  EXPECT_FALSE(ParseListPage(kPods, R"({"items":[{"metadata":{"name":"a"}},{"metada)"));
  EXPECT_FALSE(ParseWatchLine(R"({"type":"ADDED","object":{"metadata":{"name":"a"},"spec":)"));
}

TEST(ParseListPage, NoItemsAreNone) {
  EXPECT_TRUE(ParseListPage(kPods, R"({"items":null})")->items.empty());
  EXPECT_TRUE(ParseListPage(kPods, R"({})")->items.empty());
  EXPECT_FALSE(ParseListPage(kPods, R"({"items":7})"));
  EXPECT_FALSE(ParseListPage(kPods, R"({"items":[7]})"));
}

TEST(ParseWatchLine, ReadsEveryType) {
  const auto type = [](const std::string& name) {
    const auto event = ParseWatchLine(
        R"({"type":")" + name + R"(","object":{"metadata":{"name":"a","resourceVersion":"5"}}})");
    EXPECT_TRUE(event) << name;
    EXPECT_EQ(event->object.metadata.resource_version, "5");
    return event->type;
  };
  EXPECT_EQ(type("ADDED"), WatchEventType::kAdded);
  EXPECT_EQ(type("MODIFIED"), WatchEventType::kModified);
  EXPECT_EQ(type("DELETED"), WatchEventType::kDeleted);
  EXPECT_EQ(type("BOOKMARK"), WatchEventType::kBookmark);
}

TEST(ParseWatchLine, AnErrorEventIsItsError) {
  const auto event =
      ParseWatchLine(R"({"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired",)"
                     R"("message":"too old resource version"}})");
  ASSERT_FALSE(event);
  EXPECT_EQ(event.error().kind, Error::Kind::kReobserve);
  EXPECT_EQ(event.error().code, "410");
}

TEST(ParseWatchLine, RefusesTheRest) {
  for (const char* line :
       {"", "x", R"({"type":"ADDED"})", R"({"type":"GONE","object":{}})", R"({"object":{}})"}) {
    EXPECT_FALSE(ParseWatchLine(line)) << line;
  }
}

TEST(Bodies, SayOnlyWhatIsAsked) {
  EXPECT_EQ(DeleteOptionsJson({}),
            R"({"apiVersion":"v1","kind":"DeleteOptions","propagationPolicy":"Background"})");
  EXPECT_EQ(DeleteOptionsJson({.uid = "u", .propagation = "Orphan", .grace_period_seconds = 0}),
            R"({"apiVersion":"v1","gracePeriodSeconds":0,"kind":"DeleteOptions",)"
            R"("preconditions":{"uid":"u"},)"
            R"("propagationPolicy":"Orphan"})");
  EXPECT_EQ(
      EvictionJson({"shop", "p"}),
      R"({"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"p","namespace":"shop"}})");
}

TEST(Describe, NamesTheObject) {
  EXPECT_EQ(Describe("get", kPods, {"shop", "a"}), "get pods shop/a");
  EXPECT_EQ(Describe("get", kNodes, {"", "n"}), "get nodes n");
  EXPECT_EQ(ApiVersionOf(kPods), "v1");
  EXPECT_EQ(ApiVersionOf(kJobs), "batch/v1");
}

}  // namespace
}  // namespace foreshard::kube
