#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "base/random.h"
#include "pg/wire_backend.h"
#include "pg/wire_frame.h"
#include "pg/wire_frontend.h"
#include "pg/wire_startup.h"
#include "pg/wire_writer.h"

// Messages of clients and servers, made soundly and then damaged, in buffers of exactly their size:
// every decoder says no or gives views into its own message; the sanitizers see whoever reads
// beyond.

namespace foreshard::router {
namespace {

std::string Noise(Random& random, std::size_t bytes_max) {
  std::string bytes(static_cast<std::size_t>(random.Below(bytes_max + 1)), '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.Below(256));
  return bytes;
}

std::string Sound(Random& random) {
  std::string out;
  const auto count = static_cast<std::int16_t>(random.Below(5));
  switch (random.Below(6)) {
    case 0: {
      const std::vector<std::int32_t> types(static_cast<std::size_t>(count), 20);
      pg::AppendParse(&out, "name", "SELECT $1", types);
      break;
    }
    case 1: {
      pg::WireWriter bind(&out, 'B');
      bind.String("p").String("s").Int16(1).Int16(1).Int16(count);
      for (int i = 0; i < count; ++i) {
        const std::string value = Noise(random, 20);
        bind.Int32(random.Chance(0.2) ? -1 : static_cast<std::int32_t>(value.size()));
        bind.Bytes(value);
      }
      bind.Int16(1).Int16(0).End();
      break;
    }
    case 2:
      pg::WireWriter(&out, 'E').String("portal").Int32(count).End();
      break;
    case 3: {
      pg::WireWriter description(&out, 'T');
      description.Int16(count);
      for (int i = 0; i < count; ++i)
        description.String("column").Int32(1).Int16(2).Int32(20).Int16(8).Int32(-1).Int16(0);
      description.End();
      break;
    }
    case 4: {
      pg::WireWriter row(&out, 'D');
      row.Int16(count);
      for (int i = 0; i < count; ++i) row.Int32(3).Bytes("abc");
      row.End();
      break;
    }
    default:
      pg::AppendError(&out, {.severity = "ERROR",
                             .code = "42601",
                             .message = std::string(random.Below(30), 'm'),
                             .detail = {},
                             .hint = {}});
      break;
  }
  return out.substr(pg::kWireHeaderBytes);
}

class Body {
 public:
  explicit Body(const std::string& bytes)
      : bytes_(std::make_unique<char[]>(bytes.size())), size_(bytes.size()) {
    std::copy(bytes.begin(), bytes.end(), bytes_.get());
  }
  std::string_view view() const { return {bytes_.get(), size_}; }
  void Holds(std::string_view part) const {
    if (part.empty()) return;
    ASSERT_GE(part.data(), bytes_.get());
    ASSERT_LE(part.data() + part.size(), bytes_.get() + size_);
    for (const char c : part) sum_ += static_cast<unsigned char>(c);  // Reads all of it.
  }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t size_;
  mutable std::uint64_t sum_ = 0;
};

void DecodeAsClients(const Body& body, int& decoded) {
  if (const auto parse = pg::DecodeParse(body.view())) {
    ++decoded;
    for (const std::string_view part : {parse->name, parse->sql, parse->types}) body.Holds(part);
    for (std::size_t i = 0; i < parse->type_count; ++i) (void)parse->Type(i);
  }
  if (const auto bind = pg::DecodeBind(body.view())) {
    ++decoded;
    body.Holds(bind->after_names);
    pg::BindValues values(*bind);
    for (std::size_t i = 0; !values.Done(); ++i) {
      body.Holds(values.Next().value_or(std::string_view()));
      (void)bind->Format(i);
    }
  }
  if (const auto named = pg::DecodeNamed(body.view())) body.Holds(named->name);
  if (const auto execute = pg::DecodeExecute(body.view())) body.Holds(execute->portal);
  if (const auto query = pg::DecodeQuery(body.view())) body.Holds(*query);
}

void DecodeAsServers(const Body& body, int& decoded) {
  if (const auto columns = pg::DecodeRowDescription(body.view())) {
    ++decoded;
    for (const pg::ColumnDescription& column : *columns) body.Holds(column.name);
  }
  pg::RowValues row(body.view());
  std::optional<std::string_view> value;
  while (row.Next(&value)) body.Holds(value.value_or(std::string_view()));
  if (const auto error = pg::DecodeError(body.view())) {
    ++decoded;
    body.Holds(error->message);
  }
  if (const auto parameter = pg::DecodeParameterStatus(body.view())) {
    body.Holds(parameter->name);
    body.Holds(parameter->value);
  }
  if (const auto tag = pg::DecodeCommandComplete(body.view())) {
    body.Holds(*tag);
    (void)pg::RowsOfTag(*tag);
  }
}

void Frame(const Body& body) {
  pg::WireFrame frame;
  if (pg::NextFrame(body.view(), 1 << 20, &frame) == pg::WireFrameState::kComplete) {
    body.Holds(frame.whole);
    body.Holds(frame.body);
  }
  pg::StartupPacket packet;
  (void)pg::NextStartup(body.view(), &packet);
  (void)pg::FrameBytesAnnounced(body.view());
}

int Decoded(std::uint64_t first, std::uint64_t last) {
  int decoded = 0;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    std::string bytes = random.Chance(0.8) ? Sound(random) : Noise(random, 60);
    for (std::uint64_t damage = random.Below(4); damage > 0 && !bytes.empty(); --damage) {
      const auto at = static_cast<std::size_t>(random.Below(bytes.size()));
      if (random.Chance(0.3)) {
        bytes.resize(at);
      } else {
        bytes[at] = static_cast<char>(random.Below(256));
      }
    }
    const Body body(bytes);
    DecodeAsClients(body, decoded);
    DecodeAsServers(body, decoded);
    Frame(body);
    if (testing::Test::HasFailure()) break;
  }
  return decoded;
}

TEST(DecoderFuzz, NobodyReadsBeyondHisMessage) { EXPECT_GT(Decoded(1, 100'000), 10'000); }

// Five minutes and more with sanitizers: for `make test-long`.
TEST(DecoderFuzz, LongNobodyReadsBeyondHisMessage) {
  EXPECT_GT(Decoded(100'001, 80'000'000), 10'000);
}

}  // namespace
}  // namespace foreshard::router
