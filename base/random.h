#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace foreshard {

// A seeded generator (xoshiro256**, Blackman and Vigna 2018; seeded by splitmix64) with distributions of our own: those of
// the standard library differ between implementations, and a seed must give the same bits everywhere.
//
// Threads: one owner. Not for secrets: those come from OpenSSL.
class Random {
 public:
  explicit Random(std::uint64_t seed);

  std::uint64_t Next();                                       // uniform over 64 bits
  std::uint64_t Below(std::uint64_t bound);                   // uniform in [0, bound); REQUIRES bound > 0
  std::int64_t Between(std::int64_t low, std::int64_t high);  // uniform in [low, high]; REQUIRES low <= high
  double Unit();                                              // uniform in [0, 1)
  bool Chance(double probability);                            // true with that probability
  double Normal();                                            // mean 0, standard deviation 1 (Box and Muller)
  double Exponential(double mean);                            // REQUIRES mean > 0
  std::size_t Weighted(std::span<const double> weights);      // index by weight; REQUIRES a positive sum

  // An independent generator; the two never share a stream.
  Random Fork();

 private:
  std::array<std::uint64_t, 4> state_;
};

// `length` characters of [a-z0-9] without vowels or look-alikes, as in shard ids ("4kq7").
std::string RandomId(Random& random, std::size_t length);

// A seed from the operating system, for a process that wants one; print it.
std::uint64_t SeedFromSystem();

}  // namespace foreshard
