#pragma once

#include <map>
#include <mutex>
#include <string>

#include "kube/kube_api.h"
#include "operator/exporter.h"

namespace foreshard::op {

// Turns the Secrets of sets into metrics: when each certificate in them expires. What a process has
// read is not seen here, and a Secret that lacks the set's label (`router.tls.secretName`) neither.
//
// Threads: any.
class CertificateMeter {
 public:
  explicit CertificateMeter(Exporter& exporter) : exporter_(exporter) {}

  // A Secret of this set as it is now; `object` without JSON: it is gone. One that holds no
  // certificate shows nothing; neither does one that cannot be read, which the set replaces.
  void Look(const std::string& set, const kube::Object& object);

 private:
  Exporter& exporter_;
  std::mutex mutex_;
  std::map<kube::ObjectRef, std::string> shown_;  // the set of each Secret
};

}  // namespace foreshard::op
