#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "operator/certificates.h"

// Which certificate the webhook shows, and by which the API server knows it. Pure.
//
//   authority made (the old one stays in the bundle)  -->  bundle injected  -->  certificate issued
//        ^  two thirds of its life, key gone or wrong                                  |
//        +---------------- old authority leaves the bundle, after an hour <------------+
//
// In this order every certificate that is served is known to the API server, also while a replica
// has not yet read the new one.

namespace foreshard::op {

// How long API servers have to hear of a bundle before a certificate counts on it.
inline constexpr std::chrono::seconds kBundleSettles{5};
// How long replicas have to read a certificate before the old authority is forgotten.
inline constexpr std::chrono::hours kOldAuthorityKept{1};

struct WebhookSeen {
  std::map<std::string, std::string> secret;  // ca.crt (newest authority first), ca.key, tls.crt,
                                              // tls.key; empty: nothing is there yet
  std::vector<std::string> bundles;           // PEM, of each webhook that is configured
  CertificateRequest request;
  WallTime now;
};

enum class WebhookStep { kNothing, kMakeAuthority, kInject, kIssue, kForgetOldAuthority };

struct WebhookDecision {
  WebhookStep step = WebhookStep::kNothing;
  // The authorities to trust, newest first; of kMakeAuthority those that stay beside the new one.
  std::vector<std::string> authorities;
  std::chrono::milliseconds look_again{0};  // of kNothing: when time alone changes it
};

WebhookDecision DecideWebhook(const WebhookSeen& seen);

}  // namespace foreshard::op
