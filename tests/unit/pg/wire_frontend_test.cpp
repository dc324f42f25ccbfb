#include "pg/wire_frontend.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "pg/wire_frame.h"
#include "pg/wire_writer.h"

namespace foreshard::pg {
namespace {

WireFrame Only(const std::string& bytes) {
  WireFrame frame;
  EXPECT_EQ(NextFrame(bytes, 1 << 20, &frame), WireFrameState::kComplete);
  EXPECT_EQ(frame.whole.size(), bytes.size());
  return frame;
}

std::string BindBytes() {
  std::string out;
  WireWriter(&out, 'B')
      .String("portal")
      .String("statement")
      .Int16(2)
      .Int16(1)
      .Int16(0)
      .Int16(2)
      .Int32(-1)
      .Int32(3)
      .Bytes("abc")
      .Int16(1)
      .Int16(1)
      .End();
  return out;
}

TEST(WireFrame, IsThereOnlyWhenWhole) {
  std::string bytes;
  AppendQuery(&bytes, "SELECT 1");
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    WireFrame frame;
    EXPECT_EQ(NextFrame(std::string_view(bytes).substr(0, cut), 1 << 20, &frame),
              WireFrameState::kIncomplete)
        << cut;
  }
  EXPECT_EQ(DecodeQuery(Only(bytes).body), "SELECT 1");
}

TEST(WireFrame, RefusesImpossibleLengths) {
  WireFrame frame;
  EXPECT_EQ(NextFrame(std::string_view("Q\0\0\0\3", 5), 100, &frame), WireFrameState::kInvalid);
  EXPECT_EQ(NextFrame(std::string_view("Q\0\0\0\x65", 5), 100, &frame), WireFrameState::kInvalid);
  EXPECT_EQ(NextFrame(std::string_view("Q\xff\xff\xff\xff", 5), 1 << 20, &frame),
            WireFrameState::kInvalid);
}

TEST(WireFrontend, ReadsParse) {
  std::string out;
  const std::int32_t types[] = {20, 25};
  AppendParse(&out, "name", "SELECT $1", types);
  const auto parse = DecodeParse(Only(out).body);
  ASSERT_TRUE(parse.has_value());
  EXPECT_EQ(parse->name, "name");
  EXPECT_EQ(parse->sql, "SELECT $1");
  ASSERT_EQ(parse->type_count, 2);
  EXPECT_EQ(parse->Type(1), 25U);
}

TEST(WireFrontend, ReadsBindWithItsFormatsAndValues) {
  const std::string bytes = BindBytes();
  const auto bind = DecodeBind(Only(bytes).body);
  ASSERT_TRUE(bind.has_value());
  EXPECT_EQ(bind->portal, "portal");
  EXPECT_EQ(bind->statement, "statement");
  EXPECT_EQ(bind->Format(0), 1);
  EXPECT_EQ(bind->Format(1), 0);
  BindValues values(*bind);
  EXPECT_EQ(values.Next(), std::nullopt);
  EXPECT_EQ(values.Next(), "abc");
  EXPECT_TRUE(values.Done());
  EXPECT_EQ(bind->result_format_count, 1);
}

TEST(WireFrontend, OneFormatMeansAllAndNoneMeansText) {
  std::string out;
  WireWriter(&out, 'B').String("").String("").Int16(1).Int16(1).Int16(0).Int16(0).End();
  EXPECT_EQ(DecodeBind(Only(out).body)->Format(5), 1);
  out.clear();
  WireWriter(&out, 'B').String("").String("").Int16(0).Int16(0).Int16(0).End();
  EXPECT_EQ(DecodeBind(Only(out).body)->Format(0), 0);
}

// Every body that is cut or bent is refused, or decodes to something that lies inside of it.
TEST(WireFrontend, NeverReadsOutsideOfTheBody) {
  Random random(7);
  const std::string good = BindBytes().substr(5);
  for (int round = 0; round < 20'000; ++round) {
    std::string body = good.substr(0, random.Below(good.size() + 1));
    for (std::uint64_t i = random.Below(3); i > 0 && !body.empty(); --i) {
      body[random.Below(body.size())] = static_cast<char>(random.Below(256));
    }
    const std::string copy = body;
    if (const auto bind = DecodeBind(copy)) {
      std::size_t bytes = 0;
      for (BindValues values(*bind); !values.Done();) bytes += values.Next().value_or("").size();
      EXPECT_LE(bytes, copy.size());
    }
    (void)DecodeParse(copy);
    (void)DecodeNamed(copy);
    (void)DecodeExecute(copy);
    (void)DecodeQuery(copy);
  }
  EXPECT_FALSE(DecodeNamed(std::string_view("X\0", 2)).has_value());
  EXPECT_EQ(DecodeQuery(std::string_view("SELECT 1\0more", 13)), std::nullopt);
}

bool operator==(const NamedMessage& a, const NamedMessage& b) {
  return a.kind == b.kind && a.name == b.name;
}

TEST(WireFrontend, ReadsDescribeCloseAndExecute) {
  std::string out;
  AppendDescribe(&out, 'P', "p");
  EXPECT_TRUE(*DecodeNamed(Only(out).body) == (NamedMessage{'P', "p"}));
  out.clear();
  WireWriter(&out, 'E').String("p").Int32(10).End();
  EXPECT_EQ(DecodeExecute(Only(out).body)->rows_max, 10);
}

}  // namespace
}  // namespace foreshard::pg
