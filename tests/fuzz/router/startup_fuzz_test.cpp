#include <gtest/gtest.h>

#include "base/random.h"
#include "pg/wire_startup.h"
#include "pg/wire_writer.h"
#include "router/greeter.h"
#include "router/scram.h"

// The first bytes of a connection, damaged and cut anywhere: nobody gets in without the proof, and
// the answer is the same however the bytes come.

namespace foreshard::router {
namespace {

constexpr const char* kSalt = "0123456789abcdef";
constexpr int kIterations = 4'096;

// A client that says its part of the login, damaged in one of its messages.
class Talk {
 public:
  Talk(std::uint64_t seed, std::uint64_t cuts, const ScramIdentity& identity,
       std::shared_ptr<const Users> users)
      : random_(seed), cuts_(cuts), scram_(identity, "client-nonce", {}) {
    Greeter::Options options;
    options.users = std::move(users);
    options.mock_secret.fill(7);
    options.nonce = "server-nonce";
    options.knows_database = [](std::string_view name) { return name == "app"; };
    greeter_ = std::make_unique<Greeter>(std::move(options));
    damaged_ = random_.Below(4);  // 3: none
  }

  Greeter::Next Run() {
    std::string first;
    if (random_.Chance(0.3)) pg::AppendSslRequest(&first);
    pg::AppendStartup(&first, {{"user", "app"}, {"database", "app"}, {"options", Options()}});
    if (random_.Chance(0.05)) first.clear();
    if (random_.Chance(0.05)) pg::AppendCancelRequest(&first, 1, 2);
    Greeter::Next next = Say(0, std::move(first));
    if (next != Greeter::Next::kMore) return next;
    std::string initial;
    const std::string bare = scram_.First();
    pg::WireWriter(&initial, 'p')
        .String("SCRAM-SHA-256")
        .Int32(static_cast<std::int32_t>(bare.size()))
        .Bytes(bare)
        .End();
    next = Say(1, std::move(initial));
    if (next != Greeter::Next::kMore) return next;
    const std::size_t at = out_.find("r=client-nonce");
    if (at == std::string::npos) return next;
    const Result<std::string> proof = scram_.Final(std::string_view(out_).substr(at));
    if (!proof) return next;
    std::string final;
    pg::AppendPassword(&final, *proof);
    return Say(2, std::move(final));
  }

  const std::string& out() const { return out_; }
  const Greeter& greeter() const { return *greeter_; }
  bool proof_is_damaged() const { return proof_is_damaged_; }
  bool untouched() const { return untouched_; }

 private:
  std::string Options() {
    return random_.Chance(0.5) ? "" : std::string(random_.Below(40), '-') + "c a.b=c";
  }
  Greeter::Next Say(std::uint64_t which, std::string bytes) {
    const std::string whole = bytes;
    if (which == damaged_) {
      for (std::uint64_t i = 1 + random_.Below(3); i > 0 && !bytes.empty(); --i) Damage(bytes);
    }
    if (bytes != whole) untouched_ = false;
    if (which == 2 && bytes != whole) proof_is_damaged_ = true;
    Greeter::Next next = Greeter::Next::kMore;
    std::string_view left = bytes;
    while (next == Greeter::Next::kMore && !left.empty()) {
      const std::size_t piece =
          cuts_.Below(2) == 0 ? left.size() : 1 + static_cast<std::size_t>(cuts_.Below(9));
      buffer_.append(left.substr(0, piece));
      left.remove_prefix(std::min(piece, left.size()));
      std::string_view rest = buffer_;
      next = greeter_->Receive(&rest, &out_);
      buffer_ = std::string(rest);
    }
    return next;
  }
  void Damage(std::string& bytes) {
    const auto at = static_cast<std::size_t>(random_.Below(bytes.size()));
    switch (random_.Below(4)) {
      case 0:
        bytes[at] = static_cast<char>(random_.Below(256));
        break;
      case 1:
        bytes.erase(at, 1 + random_.Below(8));
        break;
      case 2:
        bytes.insert(at, 1 + random_.Below(8), static_cast<char>(random_.Below(256)));
        break;
      default:
        bytes.resize(at);
    }
  }

  Random random_;
  Random cuts_;
  ScramClient scram_;
  std::unique_ptr<Greeter> greeter_;
  std::string buffer_;
  std::string out_;
  std::uint64_t damaged_ = 0;
  bool proof_is_damaged_ = false;
  bool untouched_ = true;
};

TEST(StartupFuzz, NobodyGetsInWithoutTheProofHoweverTheBytesCome) {
  const auto users = ParseUsers("app " + MakeScramVerifier("secret", kSalt, kIterations) + "\n");
  ASSERT_TRUE(users.ok());
  const ScramIdentity right = DeriveScramIdentity("secret", kSalt, kIterations);
  const ScramIdentity wrong = DeriveScramIdentity("guess", kSalt, kIterations);
  std::map<Greeter::Next, int> ends;
  for (std::uint64_t seed = 1; seed <= 20'000; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const bool knows = random.Chance(0.7);
    Talk talk(seed, 1, knows ? right : wrong, *users);
    const Greeter::Next next = talk.Run();
    ++ends[next];
    ASSERT_LT(talk.out().size(), 2'000U);
    if (next == Greeter::Next::kDone) {
      ASSERT_TRUE(knows);
      ASSERT_FALSE(talk.proof_is_damaged());
      ASSERT_EQ(talk.greeter().user(), "app");
    }
    if (next == Greeter::Next::kRefuse) {
      ASSERT_EQ(talk.greeter().refusal_code().size(), 5U);
    }
    if (!knows && talk.untouched()) {
      ASSERT_NE(next, Greeter::Next::kMore);
    }
    for (std::uint64_t cuts = 2; cuts <= 4; ++cuts) {
      Talk again(seed, cuts, knows ? right : wrong, *users);
      ASSERT_EQ(again.Run(), next) << "cut otherwise";
      ASSERT_EQ(again.out(), talk.out()) << "cut otherwise";
    }
  }
  EXPECT_GT(ends[Greeter::Next::kDone], 1'000);
  EXPECT_GT(ends[Greeter::Next::kRefuse], 1'000);
  EXPECT_GT(ends[Greeter::Next::kCancel], 100);
}

}  // namespace
}  // namespace foreshard::router
