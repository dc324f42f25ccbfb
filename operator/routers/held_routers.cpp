#include "operator/routers/held_routers.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "backup/limits.h"

namespace foreshard::op {
namespace {

// All clients of a router may wait, not only those of one range.
constexpr std::int64_t kParkedStatementsMax = 100'000;
constexpr std::int64_t kParkedBytesMax = 64 << 20;

std::string NameOf(backup::PointNumber number) { return fmt::format("point/{}", number); }

model::MigrationNumber HoldNumber(backup::PointNumber number) {
  return {static_cast<std::int32_t>(-1 - number.value % std::numeric_limits<std::int32_t>::max())};
}

}  // namespace

Result<bool> HeldRouters::Hold(backup::PointNumber number, Deadline deadline) {
  HoldRequest request{.migration = NameOf(number),
                      .number = HoldNumber(number),
                      .ranges = {{"", ""}},
                      .keys = {},
                      .epoch = table_.epoch,
                      .deadline = backup::kHoldDeadline,
                      .drain = backup::kHoldDrain,
                      .parked_statements_max = kParkedStatementsMax,
                      .parked_bytes_max = kParkedBytesMax};
  for (const model::Pin& pin : table_.pins) request.keys.push_back(pin.key);
  held_ = control_.Routers();
  bool drained = true;
  for (const auto& reply : control_.Hold(held_, request, deadline)) {
    if (!reply.answer) {
      return Error::Reobserve(
          fmt::format("router '{}': {}", reply.router, reply.answer.error().message));
    }
    drained = drained && reply.answer->drained;
  }
  return drained;
}

Status HeldRouters::Release(backup::PointNumber number, Deadline deadline) {
  const ReleaseRequest request{
      .migration = NameOf(number), .number = HoldNumber(number), .table = {}};
  Status released = Ok();
  for (const auto& reply : control_.Release(held_, request, deadline)) {
    if (reply.answer || !released) continue;
    released = Error::Reobserve(
        fmt::format("router '{}': {}", reply.router, reply.answer.error().message));
  }
  return released;
}

}  // namespace foreshard::op
