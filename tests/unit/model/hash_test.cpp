#include "model/hash.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

// Expected values were printed by PostgreSQL 15. tests/integration/model_hash_test.cpp asks a live
// server for a million of each type; here stand the edges.

namespace foreshard::model {
namespace {

TEST(Hash, BigintsHashAsPostgresDoes) {
  struct Case {
    std::int64_t key;
    std::int64_t routes;
    std::int64_t digests;
  };
  const std::vector<Case> cases = {
      {0, 4154612158245552303, 434346878670890809},
      {1, -3670598878359251130, -7620678293940249823},
      {-1, -1888257769727981238, 3987656643895367148},
      {42, 8010225493015854792, 3812564155960986560},
      {4711, -1424619646395959603, 1965148124361065851},
      {2147483647, -9109110466470504941, 2560836655869490746},
      {-2147483648, 1977219185673256887, 3044001184559810835},
      {4294967296, -3670598878359251130, -7620678293940249823},
      {-4294967297, 495194309054116481, -1813712187832781703},
      {std::numeric_limits<std::int64_t>::max(), 1977219185673256887, 3044001184559810835},
      {std::numeric_limits<std::int64_t>::min(), -9109110466470504941, 2560836655869490746},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(HashInt8Extended(c.key, 0), c.routes) << c.key;
    EXPECT_EQ(HashInt8Extended(c.key, 1), c.digests) << c.key;
  }
}

TEST(Hash, TextsOfEveryTailLengthHashAsPostgresDoes) {
  struct Case {
    std::string key;
    std::int64_t routes;
    std::int64_t digests;
  };
  const std::vector<Case> cases = {
      {"", -6939563903564495251, -150071773020461347},
      {"a", 3591986179850072241, 3325245193489759299},
      {"abc", -6747756470228489321, 2125675926272891485},
      {"abcd", -1038429303365892052, -9042268383291675265},
      {"abcdefgh", -8882191227074733005, -996835456672934620},
      {"abcdefghijk", 3112909444737856467, 8196382510784792041},
      {"abcdefghijkl", -7556637188122330412, -6429754808531195817},
      {"abcdefghijklm", 8871624171452417744, 3808842878744369845},
      {"The quick brown fox jumps over the lazy dog", 2182139051089226439, 6385648752505156361},
      {"grüße", 3941805924135904332, -2667141143061637414},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(HashTextExtended(c.key, 0), c.routes) << c.key;
    EXPECT_EQ(HashTextExtended(c.key, 1), c.digests) << c.key;
  }
}

TEST(Hash, UuidsHashAsPostgresDoes) {
  const std::array<std::uint8_t, 16> zero{};
  std::array<std::uint8_t, 16> ones{};
  ones.fill(0xff);
  const std::array<std::uint8_t, 16> count = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
                                              0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
  EXPECT_EQ(HashUuidExtended(zero, 0), -6859010066814654381);
  EXPECT_EQ(HashUuidExtended(zero, 1), -865649419113463301);
  EXPECT_EQ(HashUuidExtended(ones, 0), 293445543803463785);
  EXPECT_EQ(HashUuidExtended(count, 0), 3667757312932659531);
  EXPECT_EQ(HashUuidExtended(count, 1), -8141903225782864341);
}

TEST(Hash, AnUnalignedTextHashesAsAnAlignedOne) {
  const std::string shifted = "xThe quick brown fox jumps over the lazy dog";
  EXPECT_EQ(HashTextExtended(std::string_view(shifted).substr(1), 0), 2182139051089226439);
}

}  // namespace
}  // namespace foreshard::model
