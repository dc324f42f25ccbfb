#include "operator/scrape_targets.h"

#include <fmt/format.h>

#include <set>

#include "operator/api/value.h"

namespace foreshard::op {

namespace {

constexpr int kKubeletPort = 10250;
constexpr std::string_view kPortName = "metrics";

// 0 where the pod has no such port.
std::int64_t MetricsPort(const Value& pod) {
  for (const Value& container : pod.At("spec.containers").Items()) {
    for (const Value& port : container["ports"].Items()) {
      if (port["name"].Text() == kPortName) return port["containerPort"].Int();
    }
  }
  return 0;
}

Value Target(const std::string& address, Value labels) {
  return Value::Object({{"targets", Value::Array({address})}, {"labels", std::move(labels)}});
}

std::string PodTargets(const std::vector<kube::Object>& pods) {
  Value targets = Value::Array();
  for (const kube::Object& object : pods) {
    const Result<Value> pod = ParseJson(object.json);
    if (!pod || pod->At("status.phase").Text() != "Running") continue;
    const std::int64_t port = MetricsPort(*pod);
    const std::string address = pod->At("status.podIP").Text();
    if (port == 0 || address.empty()) continue;
    Value labels =
        Value::Object({{"namespace", object.metadata.name_space}, {"pod", object.metadata.name}});
    for (const char* name : {"shardset", "component", "shard", "migration"}) {
      const auto label = object.metadata.labels.find(std::string("foreshard.dev/") + name);
      if (label != object.metadata.labels.end()) labels.Set(name, label->second);
    }
    targets.Add(Target(fmt::format("{}:{}", address, port), std::move(labels)));
  }
  return ToJson(targets);
}

std::string KubeletTargets(const std::vector<kube::Object>& pods) {
  Value targets = Value::Array();
  std::set<std::string> seen;
  for (const kube::Object& object : pods) {
    const Result<Value> pod = ParseJson(object.json);
    if (!pod) continue;
    const std::string address = pod->At("status.hostIP").Text();
    if (address.empty() || !seen.insert(address).second) continue;
    targets.Add(Target(fmt::format("{}:{}", address, kKubeletPort),
                       Value::Object({{"node", pod->At("spec.nodeName").Text()}})));
  }
  return ToJson(targets);
}

}  // namespace

std::optional<std::string> ScrapeTargets(std::string_view path,
                                         const std::vector<kube::Object>& pods) {
  if (path == "/targets/pods") return PodTargets(pods);
  if (path == "/targets/kubelets") return KubeletTargets(pods);
  return std::nullopt;
}

}  // namespace foreshard::op
