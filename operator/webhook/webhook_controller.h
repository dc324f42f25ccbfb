#pragma once

#include <functional>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "kube/kube_api.h"
#include "kube/watch_cache.h"
#include "operator/reconciler.h"
#include "operator/webhook/certificate_decide.h"

namespace foreshard::op {

// What the certificate of the webhook is for: `ref` is the Service that leads to the operators.
// "localhost" is for who reaches one without a Service.
CertificateRequest WebhookCertificate(const kube::ObjectRef& ref);

// Keeps the webhook's certificate: authority and certificate in a Secret, the authority in the
// ValidatingWebhookConfiguration; both have the Service's name. Only the leader works, and no other
// field of the configuration is touched. Where there is no configuration nothing is injected.
//
// Owner: wiring. Threads: one worker.
class WebhookController final : public Reconciler {
 public:
  // `kube`: the server itself, which refuses writes of who does not lead.
  WebhookController(kube::KubeApi& kube, const Clock& clock) : kube_(kube), clock_(clock) {}

  Result<Outcome> Reconcile(const kube::ObjectRef& ref, Deadline deadline) override;

 private:
  struct Observation;

  Status Act(const kube::ObjectRef& ref, const Observation& seen, const WebhookDecision& decision,
             Deadline deadline);
  Status Write(const kube::ObjectRef& ref, const Observation& seen,
               const std::map<std::string, std::string>& texts, Deadline deadline);
  Status Inject(const kube::ObjectRef& ref, const Observation& seen, const std::string& bundle,
                Deadline deadline);

  kube::KubeApi& kube_;
  const Clock& clock_;
};

// Tells every replica what is in the Secret, and the controller that something changed.
//
// Owner: wiring. Threads: Run() from one, which has two; the functions are called there.
class WebhookWatch {
 public:
  struct Hears {
    std::function<void(const KeyPair&)> certificate;  // to serve from now on
    std::function<void()> change;                     // of the Secret or the configuration
  };
  WebhookWatch(kube::KubeApi& kube, const Clock& clock, kube::ObjectRef ref, Hears hears);

  void Run(std::stop_token stop);

 private:
  void OnSecret();

  kube::ObjectRef ref_;
  Hears hears_;
  kube::WatchCache secret_;
  kube::WatchCache configuration_;
};

}  // namespace foreshard::op
