#include "bench/cutover_flips/processes.h"

#include <fmt/format.h>

#include <fstream>

#include "migration/spec_json.h"

namespace foreshard::bench {

namespace {

using namespace std::chrono_literals;

constexpr auto kDeafFor = 300ms;
constexpr std::size_t kLogsMax = 200'000;

}  // namespace

Processes::~Processes() {
  for (const auto* process : {&operator_, &mover_}) {
    if (*process) Keep(**process, "");
  }
}

void Processes::Keep(const support::ChildProcess& process, std::string_view what) {
  const std::string said = process.ErrorOutput();
  logs_ += said;
  logs_ += what;
  if (!file_.empty()) std::ofstream(file_, std::ios::app) << said;
}

Status Processes::StartOperator() {
  if (operator_) Keep(*operator_, "-- operator starts again\n");
  auto started = support::ChildProcess::Start(
      {.command = {"/proc/self/exe", program_, "--folder", fleet_.folder().string(), "--first",
                   fleet_.Conninfo(true, "foreshard"), "--second",
                   fleet_.Conninfo(false, "foreshard"), "--router-admin",
                   std::to_string(fleet_.admin_port()), "--leader", std::to_string(++leader_)}});
  if (!started) return started.error();
  operator_ = std::move(*started);
  return Ok();
}

bool Processes::KillOperator() {
  if (!operator_ || !operator_->Running()) return false;
  operator_->Signal(SIGKILL);
  return true;
}

bool Processes::KillMover() {
  if (!mover_ || !mover_->Running()) return false;
  mover_->Signal(SIGKILL);
  return true;
}

Status Processes::StartMover(const std::string& spec) {
  if (mover_) Keep(*mover_, "-- mover starts again\n");
  const auto parsed = migration::ParseMigrationSpec(spec);
  if (!parsed) return parsed.error();
  const bool forward = parsed->source.value == "s-aaaa";
  auto started = support::ChildProcess::Start(
      {.command = {FORESHARD_MOVER_PROGRAM, preflight_ ? "preflight" : "run", "--spec", spec,
                   "--source-conninfo", fleet_.Conninfo(forward, "foreshard"),
                   "--destination-conninfo", fleet_.Conninfo(!forward, "foreshard"),
                   "--termination-log", records_.PreflightFile().string(), "--metrics-listen",
                   "127.0.0.1:0", "--settle-millis", "300", "--chunk-bytes", "131072", "--throttle",
                   "false"}});
  if (!started) return started.error();
  mover_ = std::move(*started);
  return Ok();
}

Status Processes::TickMover() {
  if (records_.JobIsDeleted()) {
    if (mover_) Keep(*mover_, "-- the Job is gone\n");
    mover_.reset();
    finished_ = false;
    records_.JobIsGone();
  }
  const auto spec = records_.JobSpec();
  if (!spec || finished_) return Ok();
  if (!mover_) {
    preflight_ = true;
    return StartMover(*spec);
  }
  if (mover_->Running()) return Ok();
  const auto ended = mover_->Wait(1s);
  const bool good = ended.ok() && ended->ok();
  if (good && !preflight_) {
    finished_ = true;
    return Ok();
  }
  if (good) {
    records_.PreflightIsDone();
    preflight_ = false;
  }
  return StartMover(*spec);
}

// As a watch brings it; the deaf routers get it late.
void Processes::TickTables() {
  const MonotonicTime now = fleet_.clock().Monotonic();
  for (const LateTable& late : late_) {
    if (late.due > now) continue;
    for (int deaf = 2; deaf <= kRouters; ++deaf) fleet_.WriteTable(deaf, late.table);
  }
  std::erase_if(late_, [&](const LateTable& late) { return late.due <= now; });
  std::string text = records_.TableText();
  if (text == table_) return;
  table_ = std::move(text);
  const auto table = records_.Table();
  if (!table) return;
  fleet_.WriteTable(1, *table);
  late_.push_back({now + kDeafFor, *table});
}

Status Processes::Tick() {
  TickTables();
  if (logs_.size() > kLogsMax) logs_.erase(0, logs_.size() - kLogsMax / 2);
  return TickMover();
}

std::string Processes::Logs() const {
  return fmt::format("{}\n-- operator\n{}\n-- mover\n{}", logs_,
                     operator_ ? operator_->ErrorOutput() : "",
                     mover_ ? mover_->ErrorOutput() : "");
}

void Processes::ForgetLogs() { logs_.clear(); }

}  // namespace foreshard::bench
