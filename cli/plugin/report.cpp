#include "cli/plugin/report.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>
#include <regex>

#include "kube/kinds.h"

namespace foreshard::plugin {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kRemoved = "(removed)";

bool LooksSecret(const std::string& name) {
  static const std::regex kSecret("pass|secret|token|key|credential|uri|dsn", std::regex::icase);
  return std::regex_search(name, kSecret);
}

// Managed fields and the last applied text only repeat the object; the latter may hold anything.
void Clean(Json& value) {
  if (value.is_array()) {
    for (Json& item : value) Clean(item);
    return;
  }
  if (!value.is_object()) return;
  value.erase("managedFields");
  if (value.contains("annotations") && value["annotations"].is_object())
    value["annotations"].erase("kubectl.kubernetes.io/last-applied-configuration");
  if (value.contains("env") && value["env"].is_array()) {
    for (Json& variable : value["env"]) {
      if (variable.is_object() && variable.contains("value") &&
          LooksSecret(variable.value("name", "")))
        variable["value"] = kRemoved;
    }
  }
  for (auto& [key, member] : value.items()) Clean(member);
}

std::string Listed(const kube::ObjectList& list) {
  Json items = Json::array();
  for (const kube::Object& object : list.items) {
    Json json = Json::parse(object.json, nullptr, false);
    if (json.is_discarded()) continue;
    Clean(json);
    items.push_back(std::move(json));
  }
  return WithoutSecrets(items.dump(2));
}

}  // namespace

std::string WithoutSecrets(std::string text) {
  static const std::regex kUri(R"((://[^:/@\s"]+:)[^@\s"]+@)");
  static const std::regex kWord(R"((password\s*[=:]\s*)('[^']*'|[^\s'",;]+))", std::regex::icase);
  text = std::regex_replace(text, kUri, fmt::format("$1{}@", kRemoved));
  return std::regex_replace(text, kWord, fmt::format("$1{}", kRemoved));
}

Report CollectReport(kube::KubeApi& api, const SetView& view, Deadline deadline) {
  const std::string& name = view.set.name;
  const std::string of_set = "foreshard.dev/shardset=" + name;
  struct Part {
    const kube::ResourceKind& kind;
    std::string labels;
  };
  const std::array parts = {Part{kube::kShardSets, ""},
                            Part{kube::kRoutingTables, ""},
                            Part{kube::kShardMigrations, ""},
                            Part{kube::kLoadEvents, ""},
                            Part{kube::kStatefulSets, of_set},
                            Part{kube::kDeployments, of_set},
                            Part{kube::kJobs, of_set},
                            Part{kube::kPods, of_set},
                            Part{kube::kServices, of_set},
                            Part{kube::kEndpoints, of_set},
                            Part{kube::kConfigMaps, of_set},
                            Part{kube::kPersistentVolumeClaims, of_set},
                            Part{kube::kPodDisruptionBudgets, of_set},
                            Part{kube::kEvents, ""}};
  Report report;
  report["status.txt"] = StatusText(view, true);
  report["plan.txt"] = PlanText(view);
  for (const Part& part : parts) {
    const auto list = api.List(
        part.kind, {.name_space = view.set.name_space, .label_selector = part.labels}, deadline);
    if (list) {
      report[part.kind.plural + ".json"] = Listed(*list);
    } else {
      report["errors.txt"] += fmt::format("{}: {}\n", part.kind.plural, list.error().message);
    }
  }
  return report;
}

}  // namespace foreshard::plugin
