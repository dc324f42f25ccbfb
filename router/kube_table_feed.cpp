#include "router/kube_table_feed.h"

#include <algorithm>
#include <mutex>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/pause.h"
#include "kube/kinds.h"

namespace foreshard::router {

namespace {

using namespace std::chrono_literals;

constexpr auto kGetTimeout = 10s;

}  // namespace

KubeTableFeed::KubeTableFeed(kube::KubeApi& api, TableFeed& feed, const Clock& clock,
                             Options options)
    : api_(api), feed_(feed), clock_(clock), options_(std::move(options)) {}

void KubeTableFeed::Offer(const kube::Object& object) {
  if (object.metadata.name != options_.name) return;
  const auto json = nlohmann::json::parse(object.json, nullptr, false);
  if (!json.is_object() || !json.contains("spec")) {
    log::Error("routing_table_refused", {{"error", "no spec"}});
    return;
  }
  Result<model::RoutingTable> table =
      ParseRoutingTableSpec(json["spec"].dump(), options_.key_space);
  if (!table) {
    log::Error("routing_table_refused", {{"error", table.error().message}});
    return;
  }
  const std::int64_t epoch = table->epoch.value;
  const Status offered = feed_.Offer(std::move(*table), object.metadata.generation);
  if (offered) {
    log::Info("routing_table", {{"epoch", epoch}});
  } else if (offered.error().kind == Error::Kind::kGiveUp) {
    log::Error("routing_table_refused", {{"epoch", epoch}, {"error", offered.error().message}});
  }
}

Status KubeTableFeed::Step(std::stop_token stop) {
  const kube::ListOptions list{.name_space = options_.name_space,
                               .label_selector = "",
                               .field_selector = "metadata.name=" + options_.name};
  const Result<kube::ObjectList> objects =
      api_.List(kube::kRoutingTables, list, Deadline::After(clock_, kGetTimeout));
  if (!objects) return objects.error();
  for (const kube::Object& object : objects->items) Offer(object);
  kube::WatchOptions watch;
  watch.name_space = options_.name_space;
  watch.field_selector = list.field_selector;
  watch.resource_version = objects->resource_version;
  return api_.Watch(
      kube::kRoutingTables, watch,
      [this](const kube::WatchEvent& event) {
        switch (event.type) {
          case kube::WatchEventType::kAdded:
          case kube::WatchEventType::kModified:
            Offer(event.object);
            break;
          case kube::WatchEventType::kDeleted:  // the last table serves on
          case kube::WatchEventType::kBookmark:
            break;
        }
        return true;
      },
      stop);
}

void KubeTableFeed::Run(std::stop_token stop, Random& random) {
  std::chrono::milliseconds pause = options_.retry_first;
  while (!stop.stop_requested()) {
    const Status step = Step(stop);
    if (step) {
      pause = options_.retry_first;
      continue;
    }
    if (step.error().code == "410") continue;
    log::Warning("routing_table_watch", {{"error", step.error().message}});
    const auto jittered =
        pause / 2 +
        std::chrono::milliseconds(random.Below(static_cast<std::uint64_t>(pause.count()) + 1));
    Pause(stop, jittered);
    pause = std::min(pause * 2, options_.retry_max);
  }
}

}  // namespace foreshard::router
