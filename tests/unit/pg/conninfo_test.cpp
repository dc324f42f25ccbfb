#include "pg/conninfo.h"

#include <gtest/gtest.h>

namespace foreshard::pg {
namespace {

TEST(Conninfo, ReadsKeywordsAndUris) {
  const Result<Conninfo> keywords = Conninfo::Parse("host=a port=5433 user='x y'");
  ASSERT_TRUE(keywords);
  EXPECT_EQ(keywords->Get("host"), "a");
  EXPECT_EQ(keywords->Get("user"), "x y");
  EXPECT_EQ(keywords->Get("dbname"), "");
  const Result<Conninfo> uri = Conninfo::Parse("postgresql://u:p@h:5433/app?sslmode=require");
  ASSERT_TRUE(uri);
  EXPECT_EQ(uri->Get("dbname"), "app");
  EXPECT_EQ(uri->Get("sslmode"), "require");
}

TEST(Conninfo, EveryValueSurvivesItsQuotes) {
  const std::string secret = R"(a'b\c d=)";
  const Result<Conninfo> there = Conninfo::Parse(Conninfo().With("password", secret).text());
  ASSERT_TRUE(there);
  EXPECT_EQ(there->Get("password"), secret);
}

TEST(Conninfo, LaterSettingsWinAndDefaultsDoNot) {
  const Conninfo info = Conninfo().With("port", "1").With("port", "2").WithDefault("port", "3");
  EXPECT_EQ(info.text(), "port='2'");
}

TEST(Conninfo, ARefusedTextIsNotRepeated) {
  const Result<Conninfo> broken = Conninfo::Parse("passwort=geheim");
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().kind, Error::Kind::kGiveUp);
  EXPECT_EQ(broken.error().message.find("geheim"), std::string::npos);
}

}  // namespace
}  // namespace foreshard::pg
