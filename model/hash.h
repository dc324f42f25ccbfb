#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

// PostgreSQL's own extended hash functions, bit for bit, so that SQL, row filters and C++ agree.
// Seed 0 routes; the digests use seed 1. Little-endian hosts, as PostgreSQL on the same host
// computes them. Source: PostgreSQL 15 documentation of hash partitioning; Bob Jenkins, lookup3
// (public domain).

namespace foreshard::model {

std::int64_t HashInt8Extended(std::int64_t key,
                              std::uint64_t seed);  // hashint8extended, and int2, int4
std::int64_t HashTextExtended(std::string_view key,
                              std::uint64_t seed);  // hashtextextended, deterministic collation
std::int64_t HashUuidExtended(const std::array<std::uint8_t, 16>& key,
                              std::uint64_t seed);  // uuid_hash_extended
std::int64_t HashBytesExtended(std::span<const std::uint8_t> bytes, std::uint64_t seed);

}  // namespace foreshard::model
