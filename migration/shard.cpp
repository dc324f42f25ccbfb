#include "migration/shard.h"

#include <charconv>
#include <string_view>

namespace foreshard::migration {
namespace {

std::optional<std::uint32_t> ParseHex(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

}  // namespace

std::string ToString(Lsn lsn) {
  return fmt::format("{:X}/{:X}", lsn.value >> 32, lsn.value & 0xffff'ffffu);
}

Result<Lsn> ParseLsn(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash != std::string_view::npos) {
    const auto high = ParseHex(text.substr(0, slash));
    const auto low = ParseHex(text.substr(slash + 1));
    if (high && low) return Lsn{(std::uint64_t{*high} << 32) | *low};
  }
  return Error::GiveUp(fmt::format("'{}' is not a WAL position like 0/16B3748", text));
}

const char* ToString(GateState state) {
  switch (state) {
    case GateState::kOpen:
      return "open";
    case GateState::kClosed:
      return "closed";
    case GateState::kDrained:
      return "drained";
    case GateState::kRevoked:
      return "revoked";
  }
  Unreachable(state);
}

Result<GateState> ParseGateState(std::string_view text) {
  for (const GateState state :
       {GateState::kOpen, GateState::kClosed, GateState::kDrained, GateState::kRevoked}) {
    if (text == ToString(state)) return state;
  }
  return Error::GiveUp(
      fmt::format("'{}' is not a state of a gate: open, closed, drained, revoked", text));
}

}  // namespace foreshard::migration
