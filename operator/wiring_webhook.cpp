#include <thread>

#include "base/log.h"
#include "operator/webhook/review_server.h"
#include "operator/webhook/webhook_controller.h"
#include "operator/wiring.h"

// The admission webhook meets the rest of the operator here: its certificate, the lease, metrics.

namespace foreshard::op {

void Wiring::AddWebhook() {
  if (options_.webhook.server == nullptr) return;
  const kube::ObjectRef ref{options_.lease.lease.name_space, options_.webhook.name};
  WorkQueue& queue = Add("webhook", std::make_unique<WebhookController>(direct_, clock_), 1);
  const auto use = [this, ref](const KeyPair& pair) {
    const Status used = options_.webhook.server->Use(pair);
    const Result<CertificateFacts> facts = ReadCertificate(pair.certificate_pem);
    if (!used || !facts) {
      log::Warning("webhook_certificate_unusable", {{"secret", ref.name}});
      return;
    }
    log::Info("webhook_certificate", {{"until", FormatRfc3339(facts->not_after)}});
    exporter_.SetCertificateExpiry(
        {ref.name_space, "", ref.name},
        std::chrono::duration<double>(facts->not_after.time_since_epoch()).count());
  };
  webhook_ = std::make_shared<WebhookWatch>(
      direct_, clock_, ref,
      WebhookWatch::Hears{.certificate = use, .change = [&queue, ref] { queue.Add(ref); }});
  queue.Add(ref);  // nothing may be there to be watched
}

void Wiring::FollowWebhook(std::stop_token stop) {
  if (webhook_ != nullptr) webhook_->Run(stop);
}

}  // namespace foreshard::op
