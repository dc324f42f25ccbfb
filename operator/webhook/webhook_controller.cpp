#include "operator/webhook/webhook_controller.h"

#include <thread>

#include "base/log.h"
#include "kube/kinds.h"
#include "operator/api/value.h"
#include "operator/builders/secrets.h"
#include "operator/scram_verifier.h"

namespace foreshard::op {
namespace {

constexpr std::chrono::milliseconds kAtOnce{1};

template <typename T>
Status Dropped(const Result<T>& result) {
  if (!result) return result.error();
  return Ok();
}

kube::WatchCacheOptions Only(const kube::ResourceKind& kind, const kube::ObjectRef& ref) {
  return {.kind = kind,
          .name_space = kind.namespaced ? ref.name_space : "",
          .field_selector = "metadata.name=" + ref.name};
}

}  // namespace

struct WebhookController::Observation {
  WebhookSeen seen;
  std::string version;             // of the Secret; "": there is none
  std::vector<std::string> names;  // of the webhooks, in the order of seen.bundles
};

CertificateRequest WebhookCertificate(const kube::ObjectRef& ref) {
  CertificateRequest request{.common_name = ref.name,
                             .dns_names = ServiceDnsNames({ref.name_space, "", ""}, ref.name)};
  request.dns_names.push_back("localhost");
  return request;
}

Result<Outcome> WebhookController::Reconcile(const kube::ObjectRef& ref, Deadline deadline) {
  Observation seen;
  seen.seen.request = WebhookCertificate(ref);
  seen.seen.now = clock_.Wall();
  const auto secret = kube_.Get(kube::kSecrets, ref, deadline);
  if (!secret) return secret.error();
  if (*secret) {
    seen.version = (*secret)->metadata.resource_version;
    const Result<Value> json = ParseJson((*secret)->json);
    if (json) seen.seen.secret = SecretData(*json);
  }
  const auto configuration =
      kube_.Get(kube::kValidatingWebhookConfigurations, {"", ref.name}, deadline);
  if (!configuration) return configuration.error();
  if (*configuration) {
    const Result<Value> json = ParseJson((*configuration)->json);
    if (!json) return json.error();
    for (const Value& webhook : (*json)["webhooks"].Items()) {
      seen.names.push_back(webhook["name"].Text());
      seen.seen.bundles.push_back(DecodeBase64(webhook.At("clientConfig.caBundle").Text()));
    }
  }
  const WebhookDecision decision = DecideWebhook(seen.seen);
  if (decision.step == WebhookStep::kNothing) return Outcome::LookAgain(decision.look_again);
  const Status done = Act(ref, seen, decision, deadline);
  if (!done) return done.error();
  return Outcome::LookAgain(kAtOnce);
}

Status WebhookController::Act(const kube::ObjectRef& ref, const Observation& seen,
                              const WebhookDecision& decision, Deadline deadline) {
  const std::string bundle = JoinCertificates(decision.authorities);
  switch (decision.step) {
    case WebhookStep::kNothing:
      return Ok();
    case WebhookStep::kInject:
      return Inject(ref, seen, bundle, deadline);
    case WebhookStep::kForgetOldAuthority:
      return Write(ref, seen, {{"ca.crt", bundle}}, deadline);
    case WebhookStep::kMakeAuthority: {
      const Result<KeyPair> made = MakeAuthority(ref.name + " CA", seen.seen.now);
      if (!made) return made.error();
      log::Info("webhook_authority_made", {{"secret", ref.name}});
      return Write(ref, seen,
                   {{"ca.crt", made->certificate_pem + bundle}, {"ca.key", made->key_pem}},
                   deadline);
    }
    case WebhookStep::kIssue: {
      const Result<KeyPair> issued =
          IssueCertificate({decision.authorities.front(), seen.seen.secret.at("ca.key")},
                           seen.seen.request, seen.seen.now);
      if (!issued) return issued.error();
      log::Info("webhook_certificate_issued", {{"secret", ref.name}});
      return Write(ref, seen, {{"tls.crt", issued->certificate_pem}, {"tls.key", issued->key_pem}},
                   deadline);
    }
  }
  return Ok();
}

// By compare-and-swap: somebody may be replacing the same Secret by hand.
Status WebhookController::Write(const kube::ObjectRef& ref, const Observation& seen,
                                const std::map<std::string, std::string>& texts,
                                Deadline deadline) {
  Value data = Value::Object();
  for (const auto& [key, text] : texts) data.Set(key, EncodeBase64(text));
  if (!seen.version.empty()) {
    const Value patch =
        Value::Object({{"metadata", Value::Object({{"resourceVersion", seen.version}})},
                       {"data", std::move(data)}});
    return Dropped(kube_.Patch(kube::kSecrets, ref, ToJson(patch), {}, deadline));
  }
  const Value secret = Value::Object(
      {{"apiVersion", "v1"},
       {"kind", "Secret"},
       {"metadata", Value::Object({{"name", ref.name}, {"namespace", ref.name_space}})},
       {"type", "Opaque"},
       {"data", std::move(data)}});
  return Dropped(kube_.Create(kube::kSecrets, ref, ToJson(secret), deadline));
}

Status WebhookController::Inject(const kube::ObjectRef& ref, const Observation& seen,
                                 const std::string& bundle, Deadline deadline) {
  Value webhooks = Value::Array();
  for (const std::string& name : seen.names) {
    webhooks.Add(Value::Object(
        {{"name", name}, {"clientConfig", Value::Object({{"caBundle", EncodeBase64(bundle)}})}}));
  }
  const Value patch = Value::Object({{"apiVersion", "admissionregistration.k8s.io/v1"},
                                     {"kind", kube::kValidatingWebhookConfigurations.kind},
                                     {"metadata", Value::Object({{"name", ref.name}})},
                                     {"webhooks", std::move(webhooks)}});
  log::Info("webhook_bundle_injected", {{"configuration", ref.name}});
  return Dropped(kube_.Apply(kube::kValidatingWebhookConfigurations, {"", ref.name}, ToJson(patch),
                             {}, deadline));
}

WebhookWatch::WebhookWatch(kube::KubeApi& kube, const Clock& clock, kube::ObjectRef ref,
                           Hears hears)
    : ref_(std::move(ref)),
      hears_(std::move(hears)),
      secret_(kube, clock, Only(kube::kSecrets, ref_),
              [this](const kube::ObjectRef&) { OnSecret(); }),
      configuration_(kube, clock, Only(kube::kValidatingWebhookConfigurations, ref_),
                     [this](const kube::ObjectRef&) { hears_.change(); }) {}

void WebhookWatch::Run(std::stop_token stop) {
  std::jthread configuration([this, stop] { configuration_.Run(stop); });
  secret_.Run(stop);
}

void WebhookWatch::OnSecret() {
  const std::optional<kube::Object> secret = secret_.Get(ref_);
  const Result<Value> json = ParseJson(secret ? secret->json : "{}");
  if (json) {
    const std::map<std::string, std::string> data = SecretData(*json);
    const auto certificate = data.find("tls.crt");
    const auto key = data.find("tls.key");
    if (certificate != data.end() && key != data.end())
      hears_.certificate({certificate->second, key->second});
  }
  hears_.change();
}

}  // namespace foreshard::op
