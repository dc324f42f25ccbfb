#include "bench/planner_targets/run_cache.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

namespace foreshard::bench {

namespace {

constexpr const char* kEnd = "end";  // the last line of a whole file

std::uint64_t Fingerprint(std::string_view bytes, std::uint64_t so_far = 0xcbf29ce484222325) {
  for (const char byte : bytes) {  // FNV-1a
    so_far ^= static_cast<unsigned char>(byte);
    so_far *= 0x100000001b3;
  }
  return so_far;
}

// Everything a run depends on but its seed and strategy.
std::string WorldOf(const simulate::Trace& trace, const simulate::Options& options) {
  std::string text = fmt::format(
      "{} {} {} {} {} {} {} {} {} {} {} {} {} {} {}", trace.name, trace.first, options.shards,
      options.units, options.zipf, options.phase_hours, options.move_minutes, options.bin.count(),
      options.horizon.count(), options.target_percent, options.limit_percent,
      options.quantile_percent, options.concurrent_moves, options.shards_max, options.aggregate);
  for (const std::string& with : options.with) text += " " + with;
  for (const double demand : trace.demand) text += fmt::format(" {:.17g}", demand);
  return text;
}

}  // namespace

RunCache::RunCache(std::string folder, std::uint64_t program)
    : folder_(std::move(folder)), program_(program) {}

std::uint64_t RunCache::Program() {
  std::ifstream file("/proc/self/exe", std::ios::binary);
  std::stringstream bytes;
  bytes << file.rdbuf();
  return file ? Fingerprint(bytes.str()) : 0;
}

std::string RunCache::PathOf(const simulate::Trace& trace, const simulate::Options& options,
                             std::uint64_t seed, const std::string& strategy) const {
  const std::uint64_t world = Fingerprint(WorldOf(trace, options), program_);
  return fmt::format("{}/{}-{}-{:016x}-{:016x}.run", folder_, trace.name, seed, world,
                     Fingerprint(strategy));
}

std::optional<simulate::RunResult> RunCache::Find(const simulate::Trace& trace,
                                                  const simulate::Options& options,
                                                  std::uint64_t seed,
                                                  const std::string& strategy) const {
  if (folder_.empty()) return std::nullopt;
  std::ifstream file(PathOf(trace, options, seed, strategy));
  simulate::RunResult run{.trace = trace.name, .seed = seed, .strategy = strategy};
  std::string kind;
  while (file >> kind && kind != kEnd) {
    std::string name;
    double value = 0;
    if (!(file >> name >> value)) return std::nullopt;
    if (kind == "metric") run.metrics.emplace_back(name, value);
    if (kind == "actions") run.actions[name] = static_cast<int>(value);
    if (kind == "millis" && name == "p50") run.plan_millis_p50 = value;
    if (kind == "millis" && name == "p99") run.plan_millis_p99 = value;
    if (kind == "duration") run.duration_errors.push_back(value);
  }
  return kind == kEnd ? std::optional(std::move(run)) : std::nullopt;
}

Status RunCache::Keep(const simulate::Trace& trace, const simulate::Options& options,
                      const simulate::RunResult& run) const {
  if (folder_.empty()) return Ok();
  std::error_code failed;
  std::filesystem::create_directories(folder_, failed);
  const std::string path = PathOf(trace, options, run.seed, run.strategy);
  const std::string begun = fmt::format("{}.{}", path, getpid());
  std::string text;
  for (const auto& [name, value] : run.metrics)
    text += fmt::format("metric {} {:.17g}\n", name, value);
  for (const auto& [name, count] : run.actions) text += fmt::format("actions {} {}\n", name, count);
  text += fmt::format("millis p50 {:.17g}\nmillis p99 {:.17g}\n", run.plan_millis_p50,
                      run.plan_millis_p99);
  for (const double error : run.duration_errors)
    text += fmt::format("duration error {:.17g}\n", error);
  std::ofstream(begun) << text << kEnd << "\n";
  std::filesystem::rename(begun, path, failed);
  if (failed) return Error::GiveUp(fmt::format("{}: {}", path, failed.message()), "NotKept");
  return Ok();
}

}  // namespace foreshard::bench
