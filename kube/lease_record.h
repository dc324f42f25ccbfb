#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "kube/kube_api.h"

namespace foreshard::kube {

// The part of a Lease object (coordination.k8s.io/v1) that an election reads and writes.
struct LeaseRecord {
  std::string holder;  // "": nobody, it was released
  std::chrono::seconds duration{0};
  std::int64_t transitions = 0;  // changes of the holder
  std::string acquire_time;
  std::string renew_time;
  bool operator==(const LeaseRecord&) const = default;
};

// Errors: kGiveUp if the object is no Lease.
Result<LeaseRecord> ParseLease(const Object& lease);

// A new Lease object as JSON.
std::string NewLease(const ObjectRef& ref, const LeaseRecord& record);

// `lease` with the record in it: labels and what others wrote stay, and the resource version makes
// it a compare-and-swap. REQUIRES: ParseLease(lease) is good.
std::string WithRecord(const Object& lease, const LeaseRecord& record);

}  // namespace foreshard::kube
