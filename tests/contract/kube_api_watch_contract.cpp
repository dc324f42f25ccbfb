#include <fmt/format.h>

#include "kube/kinds.h"
#include "tests/contract/kube_api_contract.h"

// Watches: what they show, where they resume, how they end.

namespace foreshard::contract {
namespace {

using kube::kLoadEvents;
using kube::Object;
using kube::WatchEvent;
using kube::WatchEventType;

// "+a" added, "~a" modified, "-a" deleted, "." a bookmark.
std::string Written(const WatchEvent& event) {
  switch (event.type) {
    case WatchEventType::kAdded:
      return "+" + event.object.metadata.name;
    case WatchEventType::kModified:
      return "~" + event.object.metadata.name;
    case WatchEventType::kDeleted:
      return "-" + event.object.metadata.name;
    case WatchEventType::kBookmark:
      return ".";
  }
  Unreachable(event.type);
}

struct Watched {
  std::string text;                   // without bookmarks
  std::vector<std::string> versions;  // one for each event
  Status ended;
};

// The first `events` of a watch that is otherwise ended by the server.
Watched WatchFor(kube::KubeApi& api, kube::WatchOptions options, std::size_t events) {
  options.timeout = std::chrono::seconds(10);
  Watched seen;
  seen.ended = api.Watch(kLoadEvents, options,
                         [&](const WatchEvent& event) {
                           if (event.type == WatchEventType::kBookmark) return true;
                           seen.text += Written(event);
                           seen.versions.push_back(event.object.metadata.resource_version);
                           return seen.versions.size() < events;
                         },
                         {});
  return seen;
}

TEST_P(KubeApiContract, AWatchShowsWhatHappenedSinceTheList) {
  MustCreateEvent("old", 100);
  const auto list = api().List(kLoadEvents, {.name_space = name_space_}, Soon());
  ASSERT_TRUE(list) << list.error().message;
  MustCreateEvent("a", 100);
  ASSERT_TRUE(api().Patch(kLoadEvents, Ref("a"), R"({"spec":{"before":"1h"}})", {}, Soon()));
  MustCreateEvent("b", 100);
  ASSERT_TRUE(api().Delete(kLoadEvents, Ref("old"), {}, Soon()));

  const Watched seen =
      WatchFor(api(), {.name_space = name_space_, .resource_version = list->resource_version}, 4);
  EXPECT_TRUE(seen.ended) << seen.ended.error().message;
  EXPECT_EQ(seen.text, "+a~a+b-old");
}

TEST_P(KubeApiContract, AWatchResumesAfterTheLastEventSeen) {
  const auto list = api().List(kLoadEvents, {.name_space = name_space_}, Soon());
  ASSERT_TRUE(list) << list.error().message;
  MustCreateEvent("a", 100);
  MustCreateEvent("b", 100);
  ASSERT_TRUE(api().Delete(kLoadEvents, Ref("a"), {}, Soon()));
  const Watched first =
      WatchFor(api(), {.name_space = name_space_, .resource_version = list->resource_version}, 1);
  ASSERT_EQ(first.text, "+a");
  const Watched rest =
      WatchFor(api(), {.name_space = name_space_, .resource_version = first.versions.back()}, 2);
  EXPECT_EQ(rest.text, "+b-a");
}

TEST_P(KubeApiContract, LeavingASelectionLooksLikeADeletion) {
  const auto list = api().List(kLoadEvents, {.name_space = name_space_}, Soon());
  ASSERT_TRUE(list) << list.error().message;
  MustCreateEvent("a", 100, R"({"tier":"gold"})");
  MustCreateEvent("b", 100);
  ASSERT_TRUE(api().Patch(kLoadEvents, Ref("a"), R"({"metadata":{"labels":{"tier":"silver"}}})", {},
                          Soon()));
  ASSERT_TRUE(
      api().Patch(kLoadEvents, Ref("b"), R"({"metadata":{"labels":{"tier":"gold"}}})", {}, Soon()));
  const Watched seen = WatchFor(api(),
                                {.name_space = name_space_,
                                 .label_selector = "tier=gold",
                                 .resource_version = list->resource_version},
                                3);
  EXPECT_EQ(seen.text, "+a-a+b");
}

TEST_P(KubeApiContract, TheEndOfFinalizersIsADeletion) {
  MustCreateEvent("a", 100);
  ASSERT_TRUE(api().Patch(kLoadEvents, Ref("a"),
                          R"({"metadata":{"finalizers":["foreshard.dev/test"]}})", {}, Soon()));
  const auto list = api().List(kLoadEvents, {.name_space = name_space_}, Soon());
  ASSERT_TRUE(list) << list.error().message;
  ASSERT_TRUE(api().Delete(kLoadEvents, Ref("a"), {}, Soon()));
  ASSERT_TRUE(
      api().Patch(kLoadEvents, Ref("a"), R"({"metadata":{"finalizers":null}})", {}, Soon()));
  const Watched seen =
      WatchFor(api(), {.name_space = name_space_, .resource_version = list->resource_version}, 2);
  EXPECT_EQ(seen.text, "~a-a");
}

TEST_P(KubeApiContract, AQuietWatchEndsWell) {
  const auto list = api().List(kLoadEvents, {.name_space = name_space_}, Soon());
  ASSERT_TRUE(list) << list.error().message;
  const Status ended = api().Watch(kLoadEvents,
                                   {.name_space = name_space_,
                                    .resource_version = list->resource_version,
                                    .timeout = std::chrono::seconds(1)},
                                   [&](const WatchEvent& event) {
                                     EXPECT_EQ(event.type, WatchEventType::kBookmark);
                                     return true;
                                   },
                                   {});
  EXPECT_TRUE(ended) << ended.error().message;
}

// The real server sends one each minute and about two seconds before the end, but none before it
// saw an event of the kind during the watch; on a busy machine it may come too late for a short
// watch, so three may be tried.
TEST_P(KubeApiContract, ABookmarkIsAPlaceToResumeFrom) {
  const auto list = api().List(kLoadEvents, {.name_space = name_space_}, Soon());
  ASSERT_TRUE(list) << list.error().message;
  std::string version = list->resource_version;
  bool marked = false;
  for (int i = 0; i < 3 && !marked; ++i) {
    MustCreateEvent(fmt::format("before-{}", i), 100);
    const Status ended =
        api().Watch(kLoadEvents,
                    {.name_space = name_space_,
                     .resource_version = version,
                     .timeout = std::chrono::seconds(8)},
                    [&](const WatchEvent& event) {
                      version = event.object.metadata.resource_version;
                      if (event.object.metadata.name == fmt::format("before-{}", i))
                        MustCreateEvent(fmt::format("during-{}", i), 100);
                      marked = event.type == WatchEventType::kBookmark;
                      return !marked;
                    },
                    {});
    EXPECT_TRUE(ended) << ended.error().message;
  }
  ASSERT_TRUE(marked) << "no bookmark in three watches";
  MustCreateEvent("after", 100);
  std::string resumed;
  const Status ended = api().Watch(
      kLoadEvents,
      {.name_space = name_space_, .resource_version = version, .timeout = std::chrono::seconds(8)},
      [&](const WatchEvent& event) {
        resumed += Written(event);
        return event.object.metadata.name != "after";
      },
      {});
  EXPECT_TRUE(ended) << ended.error().message;
  EXPECT_TRUE(resumed.ends_with("+after")) << resumed;
  EXPECT_EQ(resumed.find("before"), std::string::npos) << "seen twice: " << resumed;
}

TEST_P(KubeApiContract, AForgottenVersionMustBeListedAgain) {
  MustCreateEvent("a", 100);
  const Status ended = api().Watch(
      kLoadEvents, {.name_space = name_space_, .resource_version = world_->ForgottenVersion()},
      [](const WatchEvent&) { return true; }, {});
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().kind, Error::Kind::kReobserve);
  EXPECT_EQ(ended.error().code, "410");
}

TEST_P(KubeApiContract, AStoppedWatchEndsWell) {
  std::stop_source stop;
  stop.request_stop();
  const auto list = api().List(kLoadEvents, {.name_space = name_space_}, Soon());
  ASSERT_TRUE(list) << list.error().message;
  const Status ended = api().Watch(
      kLoadEvents, {.name_space = name_space_, .resource_version = list->resource_version},
      [](const WatchEvent&) { return true; }, stop.get_token());
  EXPECT_TRUE(ended) << ended.error().message;
}

}  // namespace
}  // namespace foreshard::contract
