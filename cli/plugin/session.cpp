#include "cli/plugin/session.h"

#include <fmt/format.h>

#include "cli/plugin/advice.h"
#include "kube/kinds.h"
#include "kube/kubeconfig.h"
#include "kube/rest_api.h"

namespace foreshard::plugin {

int Complain(int status, const std::string& message, const std::string& advice) {
  fmt::print(stderr, "kubectl-foreshard: {}\n{}", message, advice);
  return status;
}

bool Session::Open() {
  const Result<kube::ApiAccess> access =
      kube::ReadKubeconfig(arguments_.kubeconfig, arguments_.context);
  if (!access) {
    Complain(kRefused, access.error().message,
             "  try: --kubeconfig FILE, or KUBECONFIG=FILE; kubectl config get-contexts lists "
             "contexts\n");
    return false;
  }
  if (arguments_.name_space.empty()) arguments_.name_space = access->name_space;
  Result<std::unique_ptr<kube::KubeApi>> api =
      kube::MakeRestApi({.access = *access, .clock = clock_});
  if (!api) {
    Fail(api.error());
    return false;
  }
  api_ = *std::move(api);
  return true;
}

std::optional<SetView> Session::Set() {
  Result<SetView> view = ReadSet(*api_, {arguments_.name_space, arguments_.name}, deadline());
  if (view) return *std::move(view);
  FailMissing(view.error(), kube::kShardSets);
  return std::nullopt;
}

int Session::Fail(const Error& error) const {
  return Complain(kRefused, error.message, Advice(error, arguments_.name_space));
}

int Session::FailMissing(const Error& error, const kube::ResourceKind& kind) {
  if (error.reason != "NotFound" && error.code != "404") return Fail(error);
  return Complain(kRefused, error.message,
                  AdviceForMissing(*api_, kind, arguments_.name_space, deadline()));
}

std::vector<std::string> Session::Kubectl(const std::string& name_space) const {
  std::vector<std::string> command = {"kubectl", "--kubeconfig", arguments_.kubeconfig, "-n",
                                      name_space};
  if (!arguments_.context.empty()) command.insert(command.end(), {"--context", arguments_.context});
  return command;
}

}  // namespace foreshard::plugin
