#include "bench/cutover_flips/flip_state.h"

#include <nlohmann/json.hpp>

#include "tests/support/temporary_directory.h"

namespace foreshard::bench {

namespace {

constexpr const char* kFile = "flips";

}  // namespace

Result<FlipState> ReadFlipState(const std::filesystem::path& folder) {
  const nlohmann::json json =
      nlohmann::json::parse(support::ReadFile(folder / kFile), nullptr, false);
  if (!json.is_object()) return Error::GiveUp("the file of the flips cannot be read");
  return FlipState{.record = json["record"],
                   .attempt = json["attempt"],
                   .phase = json["phase"],
                   .forward = json["forward"],
                   .wanted = json["wanted"],
                   .flips = json["flips"],
                   .revoked = json["revoked"],
                   .hold_millis = json["holdMillis"]};
}

void WriteFlipState(const std::filesystem::path& folder, const FlipState& state) {
  support::WriteFile(folder / kFile, nlohmann::json{{"record", state.record},
                                                    {"attempt", state.attempt},
                                                    {"phase", state.phase},
                                                    {"forward", state.forward},
                                                    {"wanted", state.wanted},
                                                    {"flips", state.flips},
                                                    {"revoked", state.revoked},
                                                    {"holdMillis", state.hold_millis}}
                                         .dump());
}

}  // namespace foreshard::bench
