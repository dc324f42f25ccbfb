#include <fmt/format.h>
#include <gtest/gtest.h>

#include <optional>

#include "pg/wire_frame.h"
#include "pg/wire_writer.h"
#include "tests/integration/router/conversations.h"
#include "tests/integration/router/router_bed.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

// The same conversation directly with PostgreSQL and through the router gives the same messages,
// however its bytes are cut.

namespace foreshard::router {
namespace {

using support::Good;

const support::Needs kNeeds({"postgres", "psql"});

// Every field but those that name a line of PostgreSQL's sources, the place in the text, which the
// router does not tell of syntax errors that it finds itself, and the context, which counts the
// lines of a COPY that came to the shard.
std::string TraceOfError(const WireMessage& message) {
  std::string trace(1, message.type);
  std::size_t at = 0;
  while (at < message.body.size() && message.body[at] != 0) {
    const char field = message.body[at];
    const std::size_t end = message.body.find('\0', at + 1);
    if (end == std::string::npos) break;
    if (std::string_view("FLRPW").find(field) == std::string_view::npos)
      trace += fmt::format(" {}={}", field, message.body.substr(at + 1, end - at - 1));
    at = end + 1;
  }
  return trace + "\n";
}

std::string TraceAll(const std::vector<WireMessage>& messages) {
  std::string trace;
  for (const WireMessage& message : messages) {
    trace += message.type == 'E' || message.type == 'N' ? TraceOfError(message) : Trace({message});
  }
  return trace;
}

// How the client's bytes are cut: in pieces of that many, or once, that far behind the beginning of
// one of a turn's messages.
struct Cut {
  std::size_t piece = 0;
  std::size_t message = 0;
  std::size_t offset = 0;
};

std::size_t BeginOf(std::string_view bytes, std::size_t message) {
  std::size_t at = 0;
  pg::WireFrame frame;
  while (message-- > 0 &&
         pg::NextFrame(bytes.substr(at), 1 << 30, &frame) == pg::WireFrameState::kComplete)
    at += frame.whole.size();
  return at;
}

std::size_t MessagesIn(std::string_view bytes) {
  std::size_t count = 0;
  while (BeginOf(bytes, count) < bytes.size()) ++count;
  return count;
}

Status SendCut(WireClient& client, std::string_view bytes, const Cut& cut) {
  if (cut.offset == 0 && cut.message == 0) return client.Send(bytes, cut.piece);
  const std::size_t at = std::min(BeginOf(bytes, cut.message) + cut.offset, bytes.size());
  if (const Status sent = client.Send(bytes.substr(0, at)); !sent || at == bytes.size())
    return sent;
  return client.Send(bytes.substr(at));
}

std::string Converse(WireClient& client, const Conversation& conversation, const Cut& cut) {
  std::string trace;
  for (const Turn& turn : conversation.turns) {
    EXPECT_TRUE(Good(SendCut(client, turn.bytes, cut)));
    std::vector<WireMessage> answer;
    while (turn.messages == 0 ? answer.empty() || answer.back().type != 'Z'
                              : answer.size() < static_cast<std::size_t>(turn.messages)) {
      auto message = client.Receive();
      EXPECT_TRUE(Good(message)) << conversation.name << " after " << trace << TraceAll(answer);
      if (!message) return trace + TraceAll(answer) + "nothing";
      if (message->type != 'S')
        answer.push_back(std::move(*message));  // Parameters come at any time.
    }
    trace += TraceAll(answer) + "--\n";
  }
  return trace;
}

class RouterDifferential : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    auto bed = RouterBed::Create({.shards = GetParam()});
    ASSERT_TRUE(Good(bed));
    bed_ = std::move(*bed);
    const std::string tables = "CREATE TABLE customers(id bigint PRIMARY KEY, name text)";
    ASSERT_TRUE(Good(bed_->Psql(tables)));
    ASSERT_TRUE(Good(bed_->postgres().Sql("CREATE DATABASE whole OWNER app")));
    auto whole = bed_->DirectTo("whole");
    auto router = bed_->Client();
    ASSERT_TRUE(Good(whole));
    ASSERT_TRUE(Good(router));
    whole_ = std::move(*whole);
    router_ = std::move(*router);
    ASSERT_EQ(FirstError(*whole_->Ask(tables)), "");
  }
  static void Refresh(WireClient& client) {
    ASSERT_EQ(
        FirstError(*client.Ask("TRUNCATE customers; INSERT INTO customers VALUES (1, 'one')")), "");
  }
  void ExpectSame(const std::vector<Conversation>& conversations);
  void ExpectSameCut(const Conversation& conversation, const std::string& wanted, const Cut& cut);

  std::unique_ptr<RouterBed> bed_;
  std::unique_ptr<WireClient> whole_;  // direct, for what surrounds a conversation
  std::unique_ptr<WireClient> router_;
};

void RouterDifferential::ExpectSameCut(const Conversation& conversation, const std::string& wanted,
                                       const Cut& cut) {
  Refresh(*router_);
  auto client = bed_->Client();
  ASSERT_TRUE(Good(client));
  EXPECT_EQ(Converse(**client, conversation, cut), wanted)
      << conversation.name << ", pieces of " << cut.piece << ", cut " << cut.offset
      << " bytes behind message " << cut.message;
}

void RouterDifferential::ExpectSame(const std::vector<Conversation>& conversations) {
  for (const Conversation& conversation : conversations) {
    if (GetParam() > 1 && !conversation.any_shards) continue;
    Refresh(*whole_);
    auto direct = bed_->DirectTo("whole");
    ASSERT_TRUE(Good(direct));
    const std::string wanted = Converse(**direct, conversation, {});
    ExpectSameCut(conversation, wanted, {});
    std::size_t longest = 0;
    std::size_t messages = 0;
    for (const Turn& turn : conversation.turns) {
      longest = std::max(longest, turn.bytes.size());
      messages = std::max(messages, MessagesIn(turn.bytes));
    }
    if (longest > 10'000 || HasFailure()) continue;
    for (const std::size_t piece : {1UL, 7UL})
      ExpectSameCut(conversation, wanted, {.piece = piece});
    if (GetParam() > 1) continue;  // The cuts of one shard are those of four.
    for (std::size_t message = 0; message < messages; ++message) {
      // Between messages, and inside the length of one.
      for (const std::size_t offset : {0UL, 3UL}) {
        if (message + offset > 0)
          ExpectSameCut(conversation, wanted, {.message = message, .offset = offset});
      }
    }
  }
}

TEST_P(RouterDifferential, SaysWhatPostgresSays) { ExpectSame(Conversations()); }
TEST_P(RouterDifferential, SaysWhatPostgresSaysInPipelines) { ExpectSame(Pipelines()); }
TEST_P(RouterDifferential, SaysWhatPostgresSaysAtTheEndsOfPipelines) {
  ExpectSame(PipelinesAndTheirEnds());
}
TEST_P(RouterDifferential, SaysWhatPostgresSaysOfValuesForSeveralShards) {
  ExpectSame(ValuesForShards());
}
TEST_P(RouterDifferential, SaysWhatPostgresSaysWhileCopying) { ExpectSame(Copies()); }
TEST_P(RouterDifferential, SaysWhatPostgresSaysOfStatementsPreparedInSql) {
  ExpectSame(Prepared());
}

INSTANTIATE_TEST_SUITE_P(OneShardAndFour, RouterDifferential, testing::Values(1, 4));

}  // namespace
}  // namespace foreshard::router
