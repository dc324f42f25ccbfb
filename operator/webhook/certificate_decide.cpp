#include "operator/webhook/certificate_decide.h"

#include <algorithm>
#include <optional>

namespace foreshard::op {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kAuthoritiesMax = 2;
constexpr milliseconds kLookAgainMin{1'000};
constexpr milliseconds kLookAgainMax = std::chrono::hours(12);

std::string TextIn(const WebhookSeen& seen, const char* key) {
  const auto found = seen.secret.find(key);
  return found != seen.secret.end() ? found->second : std::string();
}

milliseconds Until(const WebhookSeen& seen, WallTime time) {
  return std::clamp(std::chrono::duration_cast<milliseconds>(time - seen.now), kLookAgainMin,
                    kLookAgainMax);
}

// Those that can be read and have not expired; at most the newest and the one before it.
std::vector<std::string> Usable(const WebhookSeen& seen) {
  std::vector<std::string> usable;
  for (std::string& one : SplitCertificates(TextIn(seen, "ca.crt"))) {
    const Result<CertificateFacts> facts = ReadCertificate(one);
    if (!facts || facts->not_after <= seen.now || usable.size() == kAuthoritiesMax) continue;
    usable.push_back(std::move(one));
  }
  return usable;
}

bool MayIssue(const WebhookSeen& seen, const std::vector<std::string>& authorities) {
  if (authorities.empty()) return false;
  const Result<CertificateFacts> facts = ReadCertificate(authorities.front());
  return facts && seen.now < facts->renew_at() &&
         BelongTogether({authorities.front(), TextIn(seen, "ca.key")});
}

// The certificate that is served now, of this authority.
bool Serves(const WebhookSeen& seen, const std::string& authority) {
  const KeyPair served{TextIn(seen, "tls.crt"), TextIn(seen, "tls.key")};
  return IsCurrent(served.certificate_pem, authority, seen.request, seen.now) &&
         BelongTogether(served);
}

WebhookDecision WhileItServes(const WebhookSeen& seen, std::vector<std::string> authorities) {
  const CertificateFacts authority = *ReadCertificate(authorities.front());
  const CertificateFacts served = *ReadCertificate(TextIn(seen, "tls.crt"));
  WallTime next = std::min(authority.renew_at(), served.renew_at());
  if (authorities.size() > 1) {
    const WallTime forget = served.made_at() + kOldAuthorityKept;
    if (seen.now >= forget)
      return {WebhookStep::kForgetOldAuthority, {authorities.front()}, milliseconds(0)};
    next = std::min(next, forget);
  }
  return {WebhookStep::kNothing, std::move(authorities), Until(seen, next)};
}

}  // namespace

WebhookDecision DecideWebhook(const WebhookSeen& seen) {
  std::vector<std::string> authorities = Usable(seen);
  if (!MayIssue(seen, authorities)) {
    // One is enough: that of what is served, which need not be the newest when two are asked for in
    // a row.
    const auto serving = std::ranges::find_if(
        authorities, [&](const std::string& one) { return Serves(seen, one); });
    if (serving != authorities.end()) authorities = {std::string(*serving)};
    authorities.resize(std::min<std::size_t>(authorities.size(), 1));
    return {WebhookStep::kMakeAuthority, std::move(authorities), milliseconds(0)};
  }
  const std::string bundle = JoinCertificates(authorities);
  const bool known =
      std::ranges::all_of(seen.bundles, [&](const std::string& one) { return one == bundle; });
  if (!known) return {WebhookStep::kInject, std::move(authorities), milliseconds(0)};
  if (Serves(seen, authorities.front())) return WhileItServes(seen, std::move(authorities));
  const bool old_one_serves = authorities.size() > 1 && Serves(seen, authorities[1]);
  const WallTime settled = ReadCertificate(authorities.front())->made_at() + kBundleSettles;
  if (old_one_serves && seen.now < settled)
    return {WebhookStep::kNothing, std::move(authorities), Until(seen, settled)};
  return {WebhookStep::kIssue, std::move(authorities), milliseconds(0)};
}

}  // namespace foreshard::op
