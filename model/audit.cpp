#include "model/audit.h"

#include <fmt/format.h>

namespace foreshard::model {

std::int64_t AuditFindings::stray_rows() const {
  std::int64_t rows = 0;
  for (const Stray& stray : strays) rows += stray.rows;
  return rows;
}

std::optional<ShardId> RightCopy(const ReferenceDigests& digests) {
  for (const auto& [shard, digest] : digests) {
    std::size_t same = 0;
    for (const auto& [other, copy] : digests) same += copy == digest ? 1 : 0;
    if (digest.digest != kMissingDigest && 2 * same > digests.size()) return shard;
  }
  return std::nullopt;
}

std::string ToText(const AuditFindings& findings) {
  std::string text;
  for (const Stray& stray : findings.strays) {
    text += fmt::format("{}: {} rows of {} belong elsewhere; keys: {}\n", stray.shard, stray.rows,
                        stray.table, fmt::join(stray.keys, ", "));
  }
  for (const Diverged& diverged : findings.diverged) {
    text += fmt::format("{} differs:", diverged.table);
    for (const auto& [shard, digest] : diverged.digests) {
      text += fmt::format(" {} {} rows ({})", shard, digest.rows, digest.digest);
    }
    text += '\n';
  }
  return text;
}

// FNV-1a: nobody has to be kept from finding another text with the same number.
std::string Fingerprint(const AuditFindings& findings) {
  std::uint64_t hash = 14'695'981'039'346'656'037U;
  for (const char byte : ToText(findings)) {
    hash = (hash ^ static_cast<unsigned char>(byte)) * 1'099'511'628'211U;
  }
  return fmt::format("{:016x}", hash);
}

}  // namespace foreshard::model
