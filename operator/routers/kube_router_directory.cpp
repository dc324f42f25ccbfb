#include "operator/routers/kube_router_directory.h"

#include <fmt/format.h>

#include "kube/kinds.h"
#include "operator/api/value.h"
#include "operator/builders/names.h"
#include "operator/builders/secrets.h"

namespace foreshard::op {
namespace {

// A pod that is being deleted is one of them: it finishes what is in flight.
bool IsRunning(const Value& pod) {
  return pod.At("status.phase").Text() == "Running" && !pod.At("status.podIP").Text().empty();
}

}  // namespace

Result<RouterControl*> KubeRouterDirectory::Open(const std::string& name_space,
                                                 const std::string& shard_set, Deadline deadline) {
  const auto control = OpenHttps(name_space, shard_set, deadline);
  if (!control) return control.error();
  return static_cast<RouterControl*>(*control);
}

Result<HttpsRouterControl*> KubeRouterDirectory::OpenHttps(const std::string& name_space,
                                                           const std::string& shard_set,
                                                           Deadline deadline) {
  const SetName set{.name_space = name_space, .name = shard_set, .uid = {}};
  const kube::ObjectRef ref{name_space, OperatorTlsSecret(set)};
  const auto secret = kube_.Get(kube::kSecrets, ref, deadline);
  if (!secret) return secret.error();
  if (!*secret) return Error::Retry(fmt::format("Secret '{}' is not there yet", ref.name));
  const auto json = ParseJson((*secret)->json);
  if (!json) return json.error();
  const auto data = SecretData(*json);
  for (const char* key : {"ca.crt", "tls.crt", "tls.key"}) {
    if (!data.contains(key)) {
      return Error::Retry(fmt::format("Secret '{}' has no key {}", ref.name, key));
    }
  }
  Entry& entry = entries_[{name_space, shard_set}];
  if (!entry.control || entry.certificate != data.at("tls.crt")) {
    TlsFiles files;
    for (auto [path, key] : {std::pair{&files.ca_file, "ca.crt"},
                             {&files.certificate_file, "tls.crt"},
                             {&files.key_file, "tls.key"}}) {
      const auto written = files_.PathOf(data.at(key));
      if (!written) return written.error();
      *path = *written;
    }
    auto context = TlsContext::Load(files);
    if (!context) return context.error();
    if (entry.control) {
      entry.control->SetContext(std::move(*context));
    } else {
      entry.control = std::make_unique<HttpsRouterControl>(std::move(*context), clock_);
    }
    entry.certificate = data.at("tls.crt");
  }
  const auto pods = kube_.List(
      kube::kPods, {.name_space = name_space, .label_selector = RouterSelector(set)}, deadline);
  if (!pods) return pods.error();
  std::vector<RouterEndpoint> routers;
  for (const kube::Object& pod : pods->items) {
    const auto value = ParseJson(pod.json);
    if (!value || !IsRunning(*value)) continue;
    routers.push_back({.name = pod.metadata.name,
                       .host = value->At("status.podIP").Text(),
                       .port = kRouterAdminPort,
                       .server_name = RouterName(set)});
  }
  entry.control->SetRouters(routers);
  return entry.control.get();
}

}  // namespace foreshard::op
