#include "kube/lease_record.h"

#include <nlohmann/json.hpp>

namespace foreshard::kube {
namespace {

using Json = nlohmann::json;

template <typename T>
T ValueOr(const Json& spec, const char* key, T otherwise) {
  const auto found = spec.find(key);
  if (found == spec.end() || found->is_null()) return otherwise;
  if constexpr (std::is_same_v<T, std::string>) {
    return found->is_string() ? found->get<T>() : otherwise;
  } else {
    return found->is_number_integer() ? found->get<T>() : otherwise;
  }
}

void Put(Json& spec, const LeaseRecord& record) {
  spec["holderIdentity"] = record.holder;
  spec["leaseDurationSeconds"] = record.duration.count();
  spec["leaseTransitions"] = record.transitions;
  spec["acquireTime"] = record.acquire_time;
  spec["renewTime"] = record.renew_time;
}

}  // namespace

Result<LeaseRecord> ParseLease(const Object& lease) {
  const Json value = Json::parse(lease.json, nullptr, false);
  if (!value.is_object() || ValueOr<std::string>(value, "kind", "Lease") != "Lease") {
    return Error::GiveUp("not a Lease: " + lease.metadata.name, "InvalidLease");
  }
  const auto spec = value.find("spec");
  if (spec == value.end() || !spec->is_object()) return LeaseRecord{};
  return LeaseRecord{
      .holder = ValueOr<std::string>(*spec, "holderIdentity", ""),
      .duration = std::chrono::seconds(ValueOr<std::int64_t>(*spec, "leaseDurationSeconds", 0)),
      .transitions = ValueOr<std::int64_t>(*spec, "leaseTransitions", 0),
      .acquire_time = ValueOr<std::string>(*spec, "acquireTime", ""),
      .renew_time = ValueOr<std::string>(*spec, "renewTime", "")};
}

std::string NewLease(const ObjectRef& ref, const LeaseRecord& record) {
  Json value = {{"apiVersion", "coordination.k8s.io/v1"},
                {"kind", "Lease"},
                {"metadata", {{"name", ref.name}, {"namespace", ref.name_space}}},
                {"spec", Json::object()}};
  Put(value["spec"], record);
  return value.dump();
}

std::string WithRecord(const Object& lease, const LeaseRecord& record) {
  Json value = Json::parse(lease.json, nullptr, false);
  CHECK(value.is_object(), "a lease that does not parse", lease.metadata.name);
  if (!value.contains("spec") || !value["spec"].is_object()) value["spec"] = Json::object();
  Put(value["spec"], record);
  return value.dump();
}

}  // namespace foreshard::kube
