#include <gtest/gtest.h>

#include <optional>

#include "base/random.h"
#include "pg/wire_frame.h"
#include "pg/wire_reader.h"
#include "pg/wire_writer.h"
#include "router/greeter.h"
#include "router/server_login.h"

// The first bytes of clients, and of the servers that the router logs in to: whatever comes, in
// whatever pieces, gives one answer of whole messages, and nobody gets in whose last word was
// damaged.

namespace foreshard::router {
namespace {

constexpr const char* kPassword = "secret";
constexpr const char* kSalt = "0123456789abcdef";
constexpr int kIterations = 16;  // as few as make a fast test

const std::shared_ptr<const Users>& Known() {
  static const std::shared_ptr<const Users> users =
      *ParseUsers("app " + MakeScramVerifier(kPassword, kSalt, kIterations) + "\n");
  return users;
}

Greeter NewGreeter(bool tls) {
  Greeter::Options options;
  options.tls_available = tls;
  options.users = Known();
  options.nonce = "nonce-of-the-router";
  options.knows_database = [](std::string_view database) { return database == "app"; };
  return Greeter(std::move(options));
}

struct Seen {
  std::string out;
  Greeter::Next next = Greeter::Next::kMore;
  bool operator==(const Seen&) const = default;
};

// The greeter hears `bytes` in pieces of that many (0: at once), as client.cpp gives them.
Seen Hear(Greeter& greeter, std::string_view bytes, std::size_t piece, std::string* left) {
  Seen seen;
  while (seen.next == Greeter::Next::kMore && !bytes.empty()) {
    const std::size_t part = piece == 0 ? bytes.size() : std::min(piece, bytes.size());
    left->append(bytes.substr(0, part));
    bytes.remove_prefix(part);
    std::string_view rest = *left;
    seen.next = greeter.Receive(&rest, &seen.out);
    left->erase(0, left->size() - rest.size());
    if (seen.next == Greeter::Next::kStartTls) {
      EXPECT_TRUE(greeter.TlsStarted(true));
      seen.next = Greeter::Next::kMore;
    }
  }
  return seen;
}

std::string Noise(Random& random, std::size_t bytes_max) {
  std::string bytes(static_cast<std::size_t>(random.Below(bytes_max + 1)), '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.Below(256));
  return bytes;
}

void Damage(Random& random, std::string& bytes) {
  if (bytes.empty()) return;
  const auto at = static_cast<std::size_t>(random.Below(bytes.size()));
  switch (random.Below(4)) {
    case 0:
      bytes[at] = static_cast<char>(random.Below(256));
      break;
    case 1:
      bytes.erase(at, 1 + static_cast<std::size_t>(random.Below(8)));
      break;
    case 2:
      bytes.insert(at, Noise(random, 8));
      break;
    default:
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << random.Below(8)));
      break;
  }
}

// The packets before the password, sound or damaged.
std::string Opening(Random& random) {
  std::string out;
  if (random.Chance(0.3)) pg::AppendSslRequest(&out);
  std::map<std::string, std::string> parameters = {{"user", random.Chance(0.8) ? "app" : "no"},
                                                   {"database", "app"}};
  if (random.Chance(0.3)) parameters["options"] = "-c work_mem=5MB --search_path=a";
  if (random.Chance(0.2)) parameters["options"] = Noise(random, 30);
  if (random.Chance(0.2)) parameters["replication"] = Noise(random, 4);
  if (random.Chance(0.2)) parameters["_pq_.more"] = "1";
  if (random.Chance(0.1)) pg::AppendCancelRequest(&out, 1, 2);
  pg::AppendStartup(&out, parameters);
  if (random.Chance(0.5)) {
    pg::WireWriter(&out, 'p')
        .String(random.Chance(0.8) ? "SCRAM-SHA-256" : "SCRAM-SHA-256-PLUS")
        .Int32(static_cast<std::int32_t>(random.Below(40)))
        .Bytes("n,,n=,r=" + Noise(random, 30))
        .End();
  }
  if (random.Chance(0.6)) Damage(random, out);
  if (random.Chance(0.1)) out = Noise(random, 400);
  return out;
}

void ExpectCutsToChangeNothing(std::uint64_t first, std::uint64_t last) {
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const std::string bytes = Opening(random);
    std::optional<Seen> wanted;
    for (const std::size_t piece : {std::size_t{0}, std::size_t{1}, std::size_t{7}}) {
      Greeter greeter = NewGreeter(false);
      std::string left;
      const Seen seen = Hear(greeter, bytes, piece, &left);
      ASSERT_NE(seen.next, Greeter::Next::kDone) << "nobody said a password";
      if (!wanted) wanted = seen;
      ASSERT_EQ(seen.out, wanted->out) << piece;
      ASSERT_EQ(seen.next, wanted->next) << piece;
    }
    // With TLS it matters what comes in one piece: bytes behind an SSLRequest are refused.
    Greeter greeter = NewGreeter(true);
    std::string left;
    ASSERT_NE(Hear(greeter, bytes, seed % 9, &left).next, Greeter::Next::kDone);
  }
}

// True: the client is in. `damage`: its last word has some.
bool LogsIn(Random& random, bool damage) {
  Greeter greeter = NewGreeter(false);
  ScramClient scram(DeriveScramIdentity(kPassword, kSalt, kIterations), "nonce-of-the-client", "");
  std::string left;
  std::string said;
  pg::AppendStartup(&said, {{"user", "app"}, {"database", "app"}});
  const std::string first = scram.First();
  pg::WireWriter(&said, 'p')
      .String("SCRAM-SHA-256")
      .Int32(static_cast<std::int32_t>(first.size()))
      .Bytes(first)
      .End();
  const Seen challenge = Hear(greeter, said, 0, &left);
  std::string_view rest = challenge.out;
  pg::WireFrame frame;
  while (pg::NextFrame(rest, 10'000, &frame) == pg::WireFrameState::kComplete)
    rest.remove_prefix(frame.whole.size());
  const Result<std::string> last = scram.Final(frame.body.substr(4));
  EXPECT_TRUE(last.ok());
  std::string word = *last;
  if (damage) {  // Not in the last digit of the base64 text, of which two bits mean nothing.
    const auto at = static_cast<std::size_t>(random.Below(word.size() - 2));
    word[at] = static_cast<char>(word[at] ^ (1 << random.Below(7)));
  }
  std::string answer;
  pg::AppendPassword(&answer, word);
  return Hear(greeter, answer, 0, &left).next == Greeter::Next::kDone;
}

void ExpectDamageToLetNobodyIn(std::uint64_t first, std::uint64_t last) {
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    Random random(seed);
    ASSERT_FALSE(LogsIn(random, true)) << "seed " << seed;
  }
}

// What a server may say while the router logs in, sound or damaged.
std::string ServersWord(Random& random) {
  std::string out;
  switch (random.Below(8)) {
    case 0:
      pg::WireWriter(&out, 'R').Int32(10).String("SCRAM-SHA-256").Byte(0).End();
      break;
    case 1:
      pg::WireWriter(&out, 'R')
          .Int32(11)
          .Bytes("r=nonce" + Noise(random, 10) + ",s=MDEy,i=16")
          .End();
      break;
    case 2:
      pg::WireWriter(&out, 'R').Int32(12).Bytes("v=" + Noise(random, 10)).End();
      break;
    case 3:
      pg::WireWriter(&out, 'R').Int32(static_cast<std::int32_t>(random.Below(13))).End();
      break;
    case 4:
      pg::AppendParameterStatus(&out, "server_version", "15.6");
      break;
    case 5:
      pg::WireWriter(&out, 'K').Int32(1).Int32(2).End();
      break;
    case 6:
      pg::AppendReadyForQuery(&out, 'I');
      break;
    default:
      pg::WireWriter(&out, static_cast<char>(random.Below(256))).Bytes(Noise(random, 40)).End();
      break;
  }
  if (random.Chance(0.3)) Damage(random, out);
  return out;
}

// A server that does not know the key is not believed, whatever else it says, and whether it has
// begun SCRAM or not.
void ExpectNoBelief(std::uint64_t first, std::uint64_t last) {
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    Random random(seed);
    ServerLogin::Options options;
    options.user = options.database = "app";
    options.identity = DeriveScramIdentity(kPassword, kSalt, 1);
    options.nonce = "nonce";
    ServerLogin login(std::move(options));
    std::string out;
    login.Start(&out);
    std::string heard;
    if (random.Chance(0.5)) {
      pg::WireWriter(&heard, 'R').Int32(10).String("SCRAM-SHA-256").Byte(0).End();
    } else if (random.Chance(0.5)) {
      pg::WireWriter(&heard, 'R').Int32(0).End();
    }
    for (int word = 0; word < 12; ++word) {
      heard += ServersWord(random);
      std::string_view rest = heard;
      const ServerLogin::Next next = login.Receive(&rest, &out);
      heard.erase(0, heard.size() - rest.size());
      ASSERT_NE(next, ServerLogin::Next::kDone) << "seed " << seed;
      if (next == ServerLogin::Next::kFailed) break;
    }
  }
}

// Without a password asked for, login goes on only with who proved itself otherwise.
TEST(StartupFuzz, AServerThatAsksForNothingNeedsAnotherProof) {
  for (const bool believes : {false, true}) {
    ServerLogin::Options options;
    options.user = options.database = "app";
    options.believes = believes;
    ServerLogin login(std::move(options));
    std::string heard;
    std::string out;
    pg::WireWriter(&heard, 'R').Int32(0).End();
    std::string_view rest = heard;
    const ServerLogin::Next next = login.Receive(&rest, &out);
    EXPECT_EQ(next, believes ? ServerLogin::Next::kMore : ServerLogin::Next::kFailed);
    EXPECT_EQ(login.failure_code(), believes ? "" : "28000");
  }
}

TEST(StartupFuzz, CutsOfTheFirstBytesChangeNothing) { ExpectCutsToChangeNothing(1, 20'000); }
TEST(StartupFuzz, ADamagedPasswordLetsNobodyIn) {
  Random random(1);
  ASSERT_TRUE(LogsIn(random, false));
  ExpectDamageToLetNobodyIn(1, 5'000);
}
TEST(StartupFuzz, AServerThatDoesNotKnowTheKeyIsNotBelieved) { ExpectNoBelief(1, 20'000); }

// Five minutes and more with sanitizers: for `make test-long`.
TEST(StartupFuzz, LongAllOfThem) {
  ExpectCutsToChangeNothing(20'001, 4'000'000);
  ExpectDamageToLetNobodyIn(5'001, 1'000'000);
  ExpectNoBelief(20'001, 4'000'000);
}

}  // namespace
}  // namespace foreshard::router
