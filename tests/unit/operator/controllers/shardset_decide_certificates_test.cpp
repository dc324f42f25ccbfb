#include <gtest/gtest.h>

#include <algorithm>

#include "operator/api/conditions.h"
#include "operator/builders/secrets.h"
#include "operator/scram_verifier.h"
#include "tests/unit/operator/controllers/shardset_world.h"

// The set's own authority and its replacement. What runs in pods reads its Secret late, by as much
// as the operator is told: at each moment every pair of pods must be able to talk, whichever
// version each of them has read.

namespace foreshard::op {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr const char* kAuthority = "orders-ca";
const std::vector<std::string> kServed = {"orders-shard-tls", "orders-router-tls",
                                          "orders-operator-tls"};

class SetAuthorityTest : public testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 3; ++i) {
      world.Settle();
      world.StartPods();
    }
    Settle();
    ASSERT_EQ(world.Condition("Ready"), "True") << world.ConditionMessage("Ready");
  }

  // A new process each time: nothing of this may be in memory. Returns how often it wrote.
  int Settle() {
    ShardSetController controller(world.kube, world.admin, world.clock, Images{});
    for (int pass = 0; pass < 100; ++pass) {
      const std::int64_t before = world.kube.write_calls();
      const Result<Outcome> outcome = controller.Reconcile(world.ref, world.Soon());
      EXPECT_TRUE(outcome.ok() || outcome.error().kind == Error::Kind::kGiveUp);
      EveryPairCanTalk();
      if (world.kube.write_calls() == before) return pass;
    }
    ADD_FAILURE() << "it never settles";
    return 100;
  }

  void Pass(minutes time) {
    for (minutes passed{0}; passed < time; passed += minutes(1)) {
      world.clock.Advance(minutes(1));
      Settle();
      ASSERT_FALSE(HasFailure());
    }
  }

  std::map<std::string, std::string> Data(const std::string& secret) {
    return SecretData(world.Get(kube::kSecrets, secret));
  }
  std::vector<std::string> Authorities() { return SplitCertificates(Data(kAuthority)["ca.crt"]); }
  bool AllAreSignedBy(const std::string& authority) {
    return std::ranges::all_of(kServed, [&](const std::string& secret) {
      return ReadSigned(Data(secret)["tls.crt"], authority).has_value();
    });
  }
  void RemoveKey() { world.Patch(kube::kSecrets, kAuthority, R"({"data":{"ca.key":null}})"); }

  // Everything that some pod may have read of a Secret and may still use.
  void EveryPairCanTalk() {
    const WallTime now = world.clock.Wall();
    for (const std::string& secret : kServed) {
      const auto data = Data(secret);
      if (data.empty()) return;  // it is being made
      auto& versions = read_[secret];
      if (versions.empty() || versions.back().data != data) {
        if (!versions.empty()) versions.back().until = now;
        versions.push_back({data, WallTime::max()});
      }
      std::erase_if(versions,
                    [&](const Version& one) { return one.until < now - kAuthoritySettles; });
    }
    for (const auto& [server, versions] : read_) {
      for (const auto& [client, lists] : read_) {
        for (const Version& shown : versions) {
          for (const Version& list : lists)
            EXPECT_TRUE(Believes(list.data.at("ca.crt"), shown.data.at("tls.crt")))
                << client << " does not believe " << server;
        }
      }
    }
  }

  bool Believes(const std::string& list, const std::string& certificate) {
    const auto key = std::make_pair(list, certificate);
    const auto found = believed_.find(key);
    if (found != believed_.end()) return found->second;
    const std::vector<std::string> authorities = SplitCertificates(list);
    const bool believes = std::ranges::any_of(authorities, [&](const std::string& authority) {
      return ReadSigned(certificate, authority).has_value();
    });
    believed_.emplace(key, believes);
    return believes;
  }

  struct Version {
    std::map<std::string, std::string> data;
    WallTime until;
  };
  ShardSetWorld world;
  std::map<std::string, std::vector<Version>> read_;
  std::map<std::pair<std::string, std::string>, bool> believed_;
};

// behaviour-22
TEST_F(SetAuthorityTest, IsReplacedWithoutAMomentInWhichSomebodyIsNotBelieved) {
  const std::string old = Data(kAuthority)["ca.crt"];
  RemoveKey();  // how a person asks for another one
  Settle();
  ASSERT_EQ(Authorities().size(), 2U);
  EXPECT_EQ(Authorities()[1], old);
  for (const std::string& secret : kServed)
    EXPECT_EQ(Data(secret)["ca.crt"], Data(kAuthority)["ca.crt"]) << secret;
  Pass(minutes(9));
  EXPECT_TRUE(AllAreSignedBy(old)) << "the new one waits until everybody trusts it";
  Pass(minutes(2));
  EXPECT_TRUE(AllAreSignedBy(Authorities().at(0)));
  EXPECT_EQ(Authorities().size(), 2U) << "who has not read his new certificate shows the old one";
  Pass(minutes(70));
  ASSERT_EQ(Authorities().size(), 1U);
  EXPECT_NE(Authorities()[0], old);
  EXPECT_TRUE(AllAreSignedBy(Authorities()[0]));
  for (const std::string& secret : kServed)
    EXPECT_EQ(SplitCertificates(Data(secret)["ca.crt"]), Authorities()) << secret;
  EXPECT_EQ(Settle(), 0) << "and then there is nothing to write";
  EXPECT_EQ(world.Condition("Ready"), "True");
}

// behaviour-22
TEST_F(SetAuthorityTest, IsReplacedWhenTwoThirdsOfItsLifeAreOver) {
  const std::string old = Authorities().at(0);
  const WallTime ends = ReadCertificate(old)->not_after;
  while (ReadCertificate(old)->renew_at() > world.clock.Wall() + hours(24 * 30)) {
    EXPECT_EQ(Authorities().at(0), old);
    world.clock.Advance(hours(24 * 30));
    Settle();
  }
  world.clock.Advance(hours(24 * 30));
  Settle();
  EXPECT_EQ(Authorities().size(), 2U);
  Pass(hours(2));
  EXPECT_EQ(Authorities().size(), 1U);
  EXPECT_NE(Authorities()[0], old);
  EXPECT_TRUE(AllAreSignedBy(Authorities()[0]));
  EXPECT_LT(world.clock.Wall(), ends - hours(24 * 365 * 3));
}

// behaviour-22
TEST_F(SetAuthorityTest, AskedForTwiceInARowStillEverybodyIsBelieved) {
  for (const minutes pause : {minutes(1), minutes(10), minutes(11), minutes(30)}) {
    RemoveKey();
    Settle();
    Pass(pause);
  }
  Pass(hours(2));
  EXPECT_EQ(Authorities().size(), 1U);
  EXPECT_TRUE(AllAreSignedBy(Authorities()[0]));
}

// behaviour-22
TEST_F(SetAuthorityTest, WhoLosesItsSecretIsStillBelieved) {
  const std::string old = Authorities().at(0);
  world.Remove(kube::kSecrets, kAuthority);
  Settle();
  ASSERT_EQ(Authorities().size(), 2U);
  EXPECT_EQ(Authorities()[1], old);
  Pass(hours(2));
  EXPECT_EQ(Authorities().size(), 1U);
  EXPECT_NE(Authorities()[0], old);
  EXPECT_TRUE(AllAreSignedBy(Authorities()[0]));
}

// behaviour-22
TEST_F(SetAuthorityTest, ThatOfAPersonIsUsedAndNeverReplaced) {
  const auto put = [this](const std::string& list, const std::string& key) {
    const Value data = Value::Object(
        {{"data", Value::Object({{"ca.crt", EncodeBase64(list)}, {"ca.key", EncodeBase64(key)}})}});
    world.Patch(kube::kSecrets, kAuthority, ToJson(data));
  };
  const std::string made_here = Authorities().at(0);
  const Result<KeyPair> given = MakeAuthority("our company", world.clock.Wall(), hours(24 * 30));
  put(given->certificate_pem + made_here, given->key_pem);
  Pass(hours(2));
  EXPECT_TRUE(AllAreSignedBy(given->certificate_pem)) << "with both in the list nobody noticed";
  EXPECT_EQ(Authorities(), (std::vector<std::string>{given->certificate_pem, made_here}))
      << "what a person wrote there stays";
  world.clock.Advance(hours(24 * 25));
  Settle();
  EXPECT_EQ(Authorities().at(0), given->certificate_pem);

  put(given->certificate_pem, MakeAuthority("another", world.clock.Wall())->key_pem);
  world.Remove(kube::kSecrets, "orders-router-tls");
  Settle();
  EXPECT_EQ(world.ConditionReason("Ready"), "CertificateError");
  EXPECT_NE(world.ConditionMessage("Ready").find("ca.key is not the key"), std::string::npos)
      << world.ConditionMessage("Ready");
  EXPECT_EQ(Authorities().at(0), given->certificate_pem);
}

// behaviour-22
TEST_F(SetAuthorityTest, WithAKeyThatIsNotItsOwnItMakesAnother) {
  const std::string old = Authorities().at(0);
  const std::string key = MakeAuthority("another", world.clock.Wall())->key_pem;
  world.Patch(kube::kSecrets, kAuthority,
              ToJson(Value::Object({{"data", Value::Object({{"ca.key", EncodeBase64(key)}})}})));
  EXPECT_EQ(Settle(), 0) << "nothing is signed, nobody asks for the key";
  world.clock.Advance(kCertificateLifetime * 3 / 4);
  Settle();
  EXPECT_EQ(Authorities().size(), 2U);
  Pass(hours(2));
  EXPECT_EQ(Authorities().size(), 1U);
  EXPECT_NE(Authorities()[0], old);
}

}  // namespace
}  // namespace foreshard::op
