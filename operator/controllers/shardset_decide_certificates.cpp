#include <algorithm>

#include "base/clock.h"
#include "operator/builders/backup.h"
#include "operator/controllers/shardset_effects.h"
#include "operator/scram_verifier.h"

// The set's authority and what it signs, in an order in which nobody meets a certificate that he
// does not trust:
//
//   another authority is made, the old one stays beside it  -->  each Secret has both
//     ^  two thirds of its life, or its key is gone                 |  everybody has read them
//     |                                                             v
//   the old one leaves  <--  everybody has read those  <--  certificates of the new one
//
// An authority that a person put there is used and never replaced: what he adds to ca.crt is
// trusted, the first of it signs.

namespace foreshard::op {
namespace {

using Data = std::map<std::string, std::string>;

// In <set>-ca: which list of authorities all Secrets have, and since when.
constexpr const char* kTrustedKey = "trusted";
// The old authority stays so many times as long as it takes to read a new list: the certificates
// take one, and clients with a copy of their own may be late.
constexpr int kOldAuthorityStays = 6;

struct WantedCertificate {
  std::string secret;
  Component component = Component::kShard;
  CertificateRequest request;
};

std::vector<WantedCertificate> WantedCertificates(const ShardSetObservation& seen) {
  const SetName set = NameOf(seen.set);
  std::vector<model::ShardId> shards = WantedShards(seen);
  // Those that are leaving still talk TLS.
  for (const model::ShardId& orphan : OrphanedShards(seen)) shards.push_back(orphan);
  std::ranges::sort(shards);
  std::vector<WantedCertificate> wanted;
  wanted.push_back({ShardTlsSecret(set), Component::kShard, ShardCertificate(set, shards)});
  if (seen.set.spec.router.tls_secret_name.empty()) {
    wanted.push_back({RouterTlsSecret(set), Component::kRouter, RouterCertificate(set)});
  }
  wanted.push_back({OperatorTlsSecret(set), Component::kRouter, OperatorCertificate()});
  if (seen.set.spec.backup)
    wanted.push_back({BackupTlsSecret(set), Component::kBackup, BackupCertificate(set)});
  return wanted;
}

struct Authorities {
  Data data;                      // of the Secret
  std::vector<std::string> list;  // PEM, the newest first
  bool ours = false;              // the newest was made here
  bool due = false;               // and another one should be

  const std::string& text() const { return data.at("ca.crt"); }
};

Authorities AuthoritiesOf(const ShardSetObservation& seen) {
  const SetName set = NameOf(seen.set);
  Authorities authorities{.data = DataOf(seen, AuthoritySecret(set)), .list = {}};
  if (!HasAll(authorities.data, {"ca.crt"})) return authorities;
  authorities.list = SplitCertificates(authorities.text());
  if (authorities.list.empty()) return authorities;
  const Result<CertificateFacts> newest = ReadCertificate(authorities.list.front());
  if (!newest) return authorities;
  authorities.ours = newest->common_name == AuthorityName(set);
  authorities.due = authorities.ours && seen.now >= newest->renew_at();
  return authorities;
}

// Whoever signed one of the certificates that are served now stays beside the new authority, and
// all that are older: what they signed may still be shown by who reads late. What is newer never
// signed. If the Secret itself is gone, those that are served still say whom they trust.
Effect MakeAnother(const ShardSetObservation& seen, const Authorities& authorities,
                   const std::vector<WantedCertificate>& wanted) {
  std::vector<std::string> known = authorities.list;
  std::vector<std::string> served;
  for (const WantedCertificate& one : wanted) {
    const Data data = DataOf(seen, one.secret);
    if (!HasAll(data, {"tls.crt", "ca.crt"})) continue;
    served.push_back(data.at("tls.crt"));
    for (std::string& authority : SplitCertificates(data.at("ca.crt"))) {
      if (std::ranges::find(known, authority) == known.end()) known.push_back(std::move(authority));
    }
  }
  const auto signer = std::ranges::find_if(known, [&](const std::string& authority) {
    return std::ranges::any_of(served, [&](const std::string& certificate) {
      return ReadSigned(certificate, authority).has_value();
    });
  });
  known.erase(known.begin(), signer);
  Effect effect =
      Simple(EffectKind::kMakeAuthority, kube::kSecrets, AuthoritySecret(NameOf(seen.set)));
  effect.data["ca.crt"] = JoinCertificates(known);
  return effect;
}

Effect Write(const ShardSetObservation& seen, const std::string& secret, Component component,
             const Data& data) {
  return Apply(kube::kSecrets, secret, BuildSecret(NameOf(seen.set), secret, component, data));
}

// A Secret that does not have this list of authorities: its certificate stays as it is.
std::optional<Effect> SpreadTrust(const ShardSetObservation& seen, const Authorities& authorities,
                                  const std::vector<WantedCertificate>& wanted) {
  for (const WantedCertificate& one : wanted) {
    Data data = DataOf(seen, one.secret);
    if (!HasAll(data, {"tls.crt", "tls.key", "ca.crt"}) || data["ca.crt"] == authorities.text())
      continue;
    data["ca.crt"] = authorities.text();
    return Write(seen, one.secret, one.component, data);
  }
  return std::nullopt;
}

// The old certificate serves meanwhile: one of the list signed it, and it has not ended.
bool CanWait(const ShardSetObservation& seen, const Authorities& authorities,
             const std::string& secret) {
  const Data data = DataOf(seen, secret);
  if (authorities.list.size() < 2 || !HasAll(data, {"tls.crt", "tls.key"})) return false;
  return std::any_of(authorities.list.begin() + 1, authorities.list.end(),
                     [&](const std::string& authority) {
                       const auto facts = ReadSigned(data.at("tls.crt"), authority);
                       return facts && seen.now < facts->not_after;
                     });
}

struct Trusted {
  std::optional<Effect> note;  // to be written first
  bool by_all = false;
};

Trusted TrustedByAll(const ShardSetObservation& seen, const Authorities& authorities) {
  const std::string secret = AuthoritySecret(NameOf(seen.set));
  const std::string prefix = Sha256Hex(authorities.text()) + " ";
  const auto found = authorities.data.find(kTrustedKey);
  if (found != authorities.data.end() && found->second.starts_with(prefix)) {
    const auto since = ParseRfc3339(found->second.substr(prefix.size()));
    if (since) return {std::nullopt, seen.now >= *since + seen.authority_settles};
  }
  Data data = authorities.data;
  // Whole seconds are written: the next one, so that nobody is hurried.
  data[kTrustedKey] = prefix + FormatRfc3339(seen.now + std::chrono::seconds(1));
  return {Write(seen, secret, Component::kShard, data), false};
}

std::optional<Effect> ForgetOld(const ShardSetObservation& seen, const Authorities& authorities,
                                const std::vector<WantedCertificate>& wanted) {
  if (authorities.list.size() < 2 || !authorities.ours) return std::nullopt;
  WallTime newest{};
  for (const WantedCertificate& one : wanted)
    newest = std::max(newest, seen.certificates.at(one.secret).made_at());
  if (seen.now < newest + kOldAuthorityStays * seen.authority_settles) return std::nullopt;
  Data data = authorities.data;
  data["ca.crt"] = authorities.list.front();
  data.erase(kTrustedKey);
  return Write(seen, AuthoritySecret(NameOf(seen.set)), Component::kShard, data);
}

}  // namespace

std::optional<Effect> DecideCertificates(const ShardSetObservation& seen) {
  const Authorities authorities = AuthoritiesOf(seen);
  const std::vector<WantedCertificate> wanted = WantedCertificates(seen);
  if (!HasAll(authorities.data, {"ca.crt", "ca.key"}) || authorities.due)
    return MakeAnother(seen, authorities, wanted);
  if (std::optional<Effect> effect = SpreadTrust(seen, authorities, wanted)) return effect;
  bool all_current = true;
  for (const WantedCertificate& one : wanted) {
    const auto facts = seen.certificates.find(one.secret);
    if (HasAll(DataOf(seen, one.secret), {"tls.crt", "tls.key", "ca.crt"}) &&
        facts != seen.certificates.end() && IsCurrent(facts->second, one.request, seen.now)) {
      continue;
    }
    all_current = false;
    if (CanWait(seen, authorities, one.secret)) {
      Trusted trusted = TrustedByAll(seen, authorities);
      if (trusted.note) return std::move(trusted.note);
      if (!trusted.by_all) continue;
    }
    if (authorities.ours &&
        !BelongTogether({authorities.list.front(), authorities.data.at("ca.key")})) {
      return MakeAnother(seen, authorities, wanted);
    }
    Effect effect = Simple(EffectKind::kIssueCertificate, kube::kSecrets, one.secret);
    effect.data = authorities.data;
    effect.certificate = one.request;
    effect.component = one.component;
    return effect;
  }
  return all_current ? ForgetOld(seen, authorities, wanted) : std::nullopt;
}

}  // namespace foreshard::op
