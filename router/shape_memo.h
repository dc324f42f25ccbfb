#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "router/normalize.h"
#include "router/statement.h"

// Has this text been seen but for its numbers and strings? Then its literals are found by comparing
// what lies between them, without a lexer: most of what a program says it has said before.
//
// Exact: Find() tells what Normalize() would tell, or nothing. A number may stand for a number and a
// string for a string where nothing after them could have been read as a part of them; every other
// literal must be the same (fuzz.router.normalize compares both).
//
// Bounded: kBuckets * kWays texts of up to kTextBytesMax. Threads: one owner. Cost of a hit: a
// memcmp() for each literal and one for the end; no allocation.

namespace foreshard::router {

class ShapeMemo {
 public:
  static constexpr std::size_t kBuckets = 128;
  static constexpr std::size_t kWays = 4;
  static constexpr std::size_t kTextBytesMin = 16;
  static constexpr std::size_t kTextBytesMax = 1024;
  static constexpr std::size_t kLiteralsMax = 32;

  // The meaning that was kept with a text of this shape under this context; null: none. `out` gets
  // all but `canonical` and `key`, which nobody asks for once the meaning is known.
  const std::shared_ptr<const Statement>* Find(std::string_view text, std::uint64_t context,
                                               Normalized& out);

  // Keeps the meaning if the shape is one that can be compared.
  void Keep(std::string_view text, const Normalized& normalized, std::uint64_t context,
            std::shared_ptr<const Statement> meaning);

  void Clear();

 private:
  struct Entry {
    std::uint64_t context = 0;
    std::string text;
    std::vector<Literal> literals;
    std::uint32_t tokens = 0;
    std::uint32_t parameters_max = 0;
    std::shared_ptr<const Statement> meaning;  // null: the place is free
  };
  struct Bucket {
    std::array<Entry, kWays> ways;
    std::uint32_t last = 0;  // used or filled
  };

  static bool Matches(const Entry& entry, std::string_view text, Normalized& out);
  Bucket& BucketOf(std::string_view text);

  std::vector<Bucket> buckets_ = std::vector<Bucket>(kBuckets);
};

}  // namespace foreshard::router
