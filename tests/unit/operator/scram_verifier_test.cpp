#include "operator/scram_verifier.h"

#include <gtest/gtest.h>

namespace foreshard::op {
namespace {

// RFC 7677, section 3: user "user", password "pencil".
TEST(ScramVerifier, AgreesWithTheExampleOfTheRfc) {
  const std::string salt = DecodeBase64("W22ZaJ0SNY7soEsUEjb6gQ==");
  const std::string verifier = MakeScramVerifier("pencil", salt, 4096);
  EXPECT_EQ(
      verifier,
      "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
      "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=");
  EXPECT_TRUE(MatchesScramVerifier("pencil", verifier));
  EXPECT_FALSE(MatchesScramVerifier("pencils", verifier));
}

TEST(ScramVerifier, EachHasItsOwnSalt) {
  const Result<std::string> one = NewScramVerifier("secret");
  const Result<std::string> two = NewScramVerifier("secret");
  ASSERT_TRUE(one.ok() && two.ok());
  EXPECT_NE(*one, *two);
  EXPECT_TRUE(MatchesScramVerifier("secret", *one));
  EXPECT_TRUE(MatchesScramVerifier("secret", *two));
}

TEST(ScramVerifier, WhatIsNoneMatchesNothing) {
  for (const char* text :
       {"", "md5abc", "SCRAM-SHA-256$", "SCRAM-SHA-256$0:AAAA$x:y", "SCRAM-SHA-256$4096:$x:y",
        "SCRAM-SHA-256$99999999999:AAAA$x:y", "SCRAM-SHA-256$$:"}) {
    EXPECT_FALSE(MatchesScramVerifier("", text)) << text;
  }
}

TEST(Base64, BothWays) {
  for (const std::string text :
       {"", "a", "ab", "abc", "abcd", std::string("\0\xff\n", 3).c_str()}) {
    EXPECT_EQ(DecodeBase64(EncodeBase64(text)), text);
  }
  EXPECT_EQ(EncodeBase64("light work."), "bGlnaHQgd29yay4=");
  EXPECT_EQ(DecodeBase64("no base64!"), "");
}

TEST(Sha256, OfTheEmptyText) {
  EXPECT_EQ(Sha256Hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

}  // namespace
}  // namespace foreshard::op
