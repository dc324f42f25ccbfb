#include "operator/certificate_meter.h"

#include <chrono>
#include <optional>

#include "operator/builders/secrets.h"
#include "operator/certificates.h"

namespace foreshard::op {
namespace {

// tls.crt, or in the Secret of an authority its own.
std::optional<WallTime> ExpiryIn(const kube::Object& object) {
  const Result<Value> secret = ParseJson(object.json);
  if (!secret) return std::nullopt;
  const std::map<std::string, std::string> data = SecretData(*secret);
  const auto own = data.find("tls.crt");
  const auto found = own != data.end() ? own : data.find("ca.crt");
  if (found == data.end()) return std::nullopt;
  const Result<CertificateFacts> facts = ReadCertificate(found->second);
  if (!facts) return std::nullopt;
  return facts->not_after;
}

}  // namespace

void CertificateMeter::Look(const std::string& set, const kube::Object& object) {
  const kube::ObjectRef ref = object.ref();
  const std::optional<WallTime> expiry = ExpiryIn(object);
  const std::scoped_lock lock(mutex_);
  const auto shown = shown_.find(ref);
  if (shown != shown_.end() && (!expiry || shown->second != set)) {
    exporter_.ForgetCertificate({ref.name_space, shown->second, ref.name});
    shown_.erase(shown);
  }
  if (!expiry) return;
  shown_[ref] = set;
  exporter_.SetCertificateExpiry({ref.name_space, set, ref.name},
                                 std::chrono::duration<double>(expiry->time_since_epoch()).count());
}

}  // namespace foreshard::op
