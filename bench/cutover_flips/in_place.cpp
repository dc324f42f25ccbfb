#include "bench/cutover_flips/in_place.h"

#include <fmt/format.h>

namespace foreshard::bench {

namespace {

using namespace std::chrono_literals;

constexpr auto kLook = 2ms;
constexpr auto kFlipLimit = 600s;  // attempts are not spread out: this is a flip that hangs

}  // namespace

InPlace::InPlace(Fleet& fleet, SiegeOptions options)
    : fleet_(fleet),
      options_(options),
      records_(fleet.folder()),
      processes_(fleet, records_, "flipper"),
      kills_(fleet, processes_,
             {.seed = options.seed,
              .kill = options.kill,
              .partition = options.partition,
              .in_place = true}),
      flips_(fleet) {
  processes_.KeepLogs(options_.log_file);
}

Status InPlace::Prepare() {
  if (Status prepared = flips_.Prepare(); !prepared) return prepared;
  records_.PutTable(fleet_.FirstTable());
  WriteFlipState(fleet_.folder(), {.record = flips_.record() + 1, .wanted = options_.flips});
  return Ok();
}

Status InPlace::OneFlip(FlipState& state) {
  kills_.Plan(state.forward);
  processes_.ForgetLogs();
  const int before = state.flips;
  const int revoked = state.revoked;
  const Deadline end = Deadline::After(fleet_.clock(), kFlipLimit);
  while (state.flips == before) {
    auto seen = ReadFlipState(fleet_.folder());
    if (!seen) return seen.error();
    state = *std::move(seen);
    if (Status ticked = processes_.Tick(); !ticked) return ticked;
    if (Status ticked = kills_.Tick(state.phase); !ticked) return ticked;
    if (end.Passed(fleet_.clock())) {
      return Error::GiveUp(fmt::format("flip {} is still {} after {} s; blows: {}\n{}", before + 1,
                                       state.phase, kFlipLimit.count(), kills_.Story(),
                                       processes_.Logs()));
    }
    migration::Pause({}, kLook);
  }
  if (options_.talks) {
    fmt::print("flip {:4}: hold {:4} ms, revoked {}; blows: {}\n", state.flips,
               state.hold_millis.empty() ? 0 : state.hold_millis.back(), state.revoked - revoked,
               kills_.Story());
    std::fflush(stdout);
  }
  return Ok();
}

// All is alive again, the flipper and the mover are gone: the mover's digests once more.
Result<bool> InPlace::Compare(const FlipState& state) {
  if (Status ended = kills_.End(); !ended) return ended.error();
  processes_.KillOperator();
  if (Status gone = records_.DeleteJob({}, fleet_.Soon()); !gone) return gone.error();
  if (Status ticked = processes_.Tick(); !ticked) return ticked.error();
  flips_.TakeOver(state.record + 1, state.attempt, state.forward);
  const Status equal = flips_.Verify();
  if (!equal) fmt::print(stderr, "digests: {}\n", equal.error().message);
  return equal.ok();
}

Result<InPlaceOutcome> InPlace::Run() {
  if (Status started = processes_.StartOperator(); !started) return started.error();
  auto state = ReadFlipState(fleet_.folder());
  if (!state) return state.error();
  while (state->flips < options_.flips) {
    if (Status flipped = OneFlip(*state); !flipped) return flipped.error();
  }
  const auto equal = Compare(*state);
  if (!equal) return equal.error();
  return InPlaceOutcome{.state = *state, .digests_equal = *equal};
}

}  // namespace foreshard::bench
