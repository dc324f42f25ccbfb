#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"

// The sampled access log: one line of the log for one statement in so many, so that a person can
// see what is asked of a shard without asking for all of it.
//
//   {"time":…,"level":"info","event":"access","user":"9f…","kind":"read","tables":"public.customers",
//    "shape":"select name from customers where id = ?","key":"51…","keys":1,"shard":"s-4kq7",
//    "replica":false,"write":false,"backend_us":412,"rows":1,"bytes":37,"sqlstate":"00000"}
//
// A statement that shards worked on, so none that was refused here; of several shards the first.
// Never a value: literals and parameters are `?` in the shape, and only what reads or writes rows
// has a shape (SET x TO y writes a value as a word). Keys and users are hashes with a secret of this
// process, equal for equal ones, unless the configuration allows the things themselves.

namespace foreshard::router {

inline constexpr std::int64_t kAccessOneInMax = 1'000'000'000;

struct AccessLogOptions {
  std::int64_t one_in = 0;  // a statement is taken with this chance; 0: none
  bool users = false;       // their names, not hashes
  bool keys = false;        // likewise
  bool operator==(const AccessLogOptions&) const = default;
};

// What is known of a statement that was taken before it has run.
struct AccessSample {
  std::string user;
  std::string kind;  // as ToString(StatementKind); "several" of one Query
  std::vector<std::string> tables;
  std::string shape;     // empty: not to be shown
  std::string sqlstate;  // of its error
};

// Which statements are taken. Threads: one owner (each event loop has its own). Cost of one that is
// not: a subtraction and a comparison.
class AccessSampler {
 public:
  explicit AccessSampler(std::uint64_t seed) : random_(seed) {}

  void Configure(const AccessLogOptions& options);
  // True: this statement is to be logged.
  bool Take() { return --left_ == 0 && Taken(); }
  // A writer of lines that somebody else reads slowly must not stop an event loop: between two
  // calls of this at most kAccessLinesMax are taken, and the others are counted.
  void Refill();

  std::uint64_t taken() const { return taken_; }
  std::uint64_t dropped() const { return dropped_; }

 private:
  bool Taken();
  void NextGap();

  Random random_;
  AccessLogOptions options_;
  std::uint64_t left_ = 0;  // before the next one; from 0 it takes longer than anything lives
  std::uint64_t room_ = 0;
  std::uint64_t taken_ = 0;
  std::uint64_t dropped_ = 0;
};

// The tokens of `text` with `?` for each literal and single blanks between them, at most
// kShapeBytesMax and one token long; empty if a string, comment or name in it has no end.
std::string ShapeOf(std::string_view text);

// One line, to the log.
struct AccessLine {
  const AccessSample& sample;
  std::string_view user;
  std::string_view key;  // empty: none, or several
  std::size_t keys = 0;
  std::string_view shard;
  bool replica = false;
  bool write = false;
  std::int64_t backend_micros = 0;
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
};
void WriteAccess(const AccessLine& line);

}  // namespace foreshard::router
