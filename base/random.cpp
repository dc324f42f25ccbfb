#include "base/random.h"

#include <sys/random.h>

#include <bit>
#include <cmath>
#include <numbers>

#include "base/check.h"

namespace foreshard {

namespace {

std::uint64_t SplitMix(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15ULL;
  std::uint64_t mixed = state;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ULL;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
  return mixed ^ (mixed >> 31);
}

}  // namespace

Random::Random(std::uint64_t seed) {
  for (std::uint64_t& word : state_) word = SplitMix(seed);
}

std::uint64_t Random::Next() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

std::uint64_t Random::Below(std::uint64_t bound) {
  CHECK(bound > 0, "empty interval");
  const std::uint64_t rejected = (0 - bound) % bound;  // 2^64 mod bound: values below it would be too frequent
  for (;;) {
    const std::uint64_t value = Next();
    if (value >= rejected) return value % bound;
  }
}

std::int64_t Random::Between(std::int64_t low, std::int64_t high) {
  CHECK(low <= high, "empty interval", low, high);
  const auto width = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
  const std::uint64_t offset = width == UINT64_MAX ? Next() : Below(width + 1);
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + offset);
}

double Random::Unit() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

bool Random::Chance(double probability) { return Unit() < probability; }

double Random::Normal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - Unit()));
  return radius * std::cos(2.0 * std::numbers::pi * Unit());
}

double Random::Exponential(double mean) {
  CHECK(mean > 0, "mean must be positive", mean);
  return -mean * std::log(1.0 - Unit());
}

std::size_t Random::Weighted(std::span<const double> weights) {
  double sum = 0;
  for (const double weight : weights) sum += weight;
  CHECK(sum > 0, "no positive weight", sum);
  double rest = Unit() * sum;
  std::size_t last_positive = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] <= 0) continue;
    last_positive = i;
    rest -= weights[i];
    if (rest < 0) return i;
  }
  return last_positive;
}

Random Random::Fork() { return Random(Next()); }

std::string RandomId(Random& random, std::size_t length) {
  static constexpr char kAlphabet[] = "23456789bcdfghjkmnpqrstvwxyz";
  std::string id;
  for (std::size_t i = 0; i < length; ++i) id += kAlphabet[random.Below(sizeof(kAlphabet) - 1)];
  return id;
}

std::uint64_t SeedFromSystem() {
  std::uint64_t seed = 0;
  const ssize_t count = getrandom(&seed, sizeof(seed), 0);
  CHECK(count == sizeof(seed), "getrandom failed");
  return seed;
}

}  // namespace foreshard
