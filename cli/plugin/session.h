#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cli/plugin/commands.h"
#include "cli/plugin/view.h"

namespace foreshard::plugin {

// One command's way to the cluster. Complains by itself: what it hands back is there, or the
// command ends with `status()`.
class Session {
 public:
  explicit Session(Arguments& arguments) : arguments_(arguments) {}

  // False: said why already.
  bool Open();
  std::optional<SetView> Set();

  kube::KubeApi& api() { return *api_; }
  const Clock& clock() const { return clock_; }
  Deadline deadline() const { return Deadline::After(clock_, std::chrono::seconds(20)); }
  int Fail(const Error& error) const;
  int FailMissing(const Error& error, const kube::ResourceKind& kind);

  // kubectl with the same cluster and namespace.
  std::vector<std::string> Kubectl(const std::string& name_space) const;

 private:
  Arguments& arguments_;
  SystemClock clock_;
  std::unique_ptr<kube::KubeApi> api_;
};

}  // namespace foreshard::plugin
