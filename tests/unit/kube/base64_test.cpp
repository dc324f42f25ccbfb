#include "kube/base64.h"

#include <gtest/gtest.h>

namespace foreshard::kube {
namespace {

// The vectors of RFC 4648, section 10.
const std::pair<const char*, const char*> kVectors[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
};

TEST(Base64, KeepsTheVectors) {
  for (const auto& [bytes, text] : kVectors) {
    EXPECT_EQ(EncodeBase64(bytes), text);
    const Result<std::string> decoded = DecodeBase64(text);
    ASSERT_TRUE(decoded) << text;
    EXPECT_EQ(*decoded, bytes);
  }
}

TEST(Base64, KeepsEveryByte) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  EXPECT_EQ(*DecodeBase64(EncodeBase64(bytes)), bytes);
}

TEST(Base64, SkipsWhiteSpaceOnly) {
  EXPECT_EQ(*DecodeBase64("Zm9v\n YmFy\r\n"), "foobar");
  for (const char* text :
       {"Z", "Zg", "Zg=", "Zg===", "Zm9v!", "=Zg=", "Zg==Zg==", "Zm8==", "===="}) {
    const Result<std::string> decoded = DecodeBase64(text);
    ASSERT_FALSE(decoded) << text;
    EXPECT_EQ(decoded.error().message.find(text), std::string::npos) << "the text may be a secret";
  }
}

}  // namespace
}  // namespace foreshard::kube
