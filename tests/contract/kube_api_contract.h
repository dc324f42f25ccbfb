#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "kube/kube_api.h"

// What every body of kube/kube_api.h promises, run on the fake, on the faulty one without faults,
// and on a real API server. A surprise of the real one is written down here first, then imitated by
// the fake.
//
// The tests stand in kube_api_contract.cpp, kube_api_apply_contract.cpp and
// kube_api_watch_contract.cpp; a program links them and instantiates KubeApiContract with its
// world.

namespace foreshard::contract {

class KubeApiWorld {
 public:
  virtual ~KubeApiWorld() = default;
  virtual kube::KubeApi& api() = 0;
  virtual const Clock& clock() = 0;
  virtual std::string name_space() = 0;  // exists, is empty, and belongs to this test alone
  // A resource version of LoadEvents that the server no longer remembers.
  virtual std::string ForgottenVersion() = 0;
};

struct KubeApiWorldFactory {
  std::string name;
  std::function<std::unique_ptr<KubeApiWorld>()>
      make;  // null: the world is not there; the reason was printed
};

class KubeApiContract : public testing::TestWithParam<KubeApiWorldFactory> {
 protected:
  void SetUp() override;

  kube::KubeApi& api() { return world_->api(); }
  Deadline Soon() { return Deadline::After(world_->clock(), std::chrono::seconds(20)); }
  kube::ObjectRef Ref(const std::string& name) { return {name_space_, name}; }

  // JSON of a LoadEvent, a kind with spec and status; of a ConfigMap, a kind without.
  std::string Event(const std::string& name, int percent, const std::string& labels = "{}");
  std::string Config(const std::string& name, const std::string& data);

  kube::Object MustCreateEvent(const std::string& name, int percent,
                               const std::string& labels = "{}");
  kube::Object MustGet(const kube::ResourceKind& kind, const std::string& name);
  // The value at a JSON pointer as text, "" if there is none.
  static std::string At(const kube::Object& object, const std::string& pointer);

  std::unique_ptr<KubeApiWorld> world_;
  std::string name_space_;
};

}  // namespace foreshard::contract
