#include "cli/plugin/advice.h"

#include <fmt/format.h>

#include "kube/kinds.h"

namespace foreshard::plugin {

namespace {

constexpr std::size_t kNamesMax = 8;

std::string Try(const std::string& command) { return fmt::format("  try: {}\n", command); }

}  // namespace

std::string Advice(const Error& error, const std::string& name_space) {
  if (error.code == "403") {
    return Try(
        fmt::format("kubectl auth can-i --list -n {}    (role `edit` is enough to change, "
                    "`view` to look)",
                    name_space));
  }
  if (error.code == "401") return Try("kubectl get namespaces    (is the login still valid?)");
  if (error.code == "409") {
    return Try(
        fmt::format("kubectl get shardmigrations -n {}    (one of this name is there; delete "
                    "it when it is over)",
                    name_space));
  }
  if (error.code == "422" || error.code == "400")
    return Try("kubectl explain shardmigration.spec    (the message names the field)");
  if (error.reason == "ConnectionRefused" || error.reason == "ConnectionLost")
    return Try("kubectl get --raw /readyz    (does the API server answer?)");
  return "";
}

std::string AdviceForMissing(kube::KubeApi& api, const kube::ResourceKind& kind,
                             const std::string& name_space, Deadline deadline) {
  const auto there = api.List(kind, {.name_space = {}}, deadline);
  if (!there) {
    if (there.error().code == "404") {
      return Try(
          "helm upgrade --install foreshard charts/foreshard -n foreshard-system "
          "--create-namespace    (the cluster does not know our kinds)");
    }
    return Try(fmt::format("kubectl get {} -n {}", kind.plural, name_space));
  }
  std::string here;
  std::string elsewhere;
  std::size_t names = 0;
  for (const kube::Object& object : there->items) {
    if (++names > kNamesMax) break;
    const bool same = object.metadata.name_space == name_space;
    std::string& list = same ? here : elsewhere;
    list += (list.empty() ? "" : ", ") +
            (same ? object.metadata.name
                  : fmt::format("{} -n {}", object.metadata.name, object.metadata.name_space));
  }
  std::string text;
  if (!here.empty()) text += Try(fmt::format("one of: {}", here));
  if (!elsewhere.empty()) text += Try(fmt::format("in another namespace: {}", elsewhere));
  if (text.empty() && kind == kube::kShardSets)
    text = Try(fmt::format("kubectl apply -n {} -f deploy/examples/quickstart.yaml", name_space));
  if (text.empty())
    text = Try("kubectl foreshard plan SHARDSET    (there is no migration yet; what is planned?)");
  return text;
}

}  // namespace foreshard::plugin
