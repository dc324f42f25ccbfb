#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "pg/wire_writer.h"
#include "router/session.h"
#include "tests/unit/router/brain_world.h"

// A session between a test that plays the client and one that plays the servers of four shards.
// Shard numbers are indexes of the table. Time stands still unless the test moves it.

namespace foreshard::router {

struct FakeLink final : ServerLink {
  std::string said;   // to the server since the last look
  std::string heard;  // from the server and not consumed yet
  std::string& out() override { return said; }
  std::string Take() { return std::exchange(said, {}); }
};

class SessionWorld : public SessionHost {
 public:
  // `registry`: of the statements of several sessions whose servers are one pool's.
  explicit SessionWorld(PreparedRegistry* registry = nullptr)
      : session_(*this,
                 SessionContext{plans_, registry == nullptr ? prepared_ : *registry, access_,
                                scratches_},
                 {.user = "app", .settings = {}}) {
    for (std::uint32_t shard = 0; shard < 4; ++shard) links_[shard].shard = shard;
  }

  // The client says these bytes, in pieces of `piece` (0: at once).
  void ClientSays(std::string_view bytes, std::size_t piece = 0) {
    while (!bytes.empty()) {
      const std::size_t part = piece == 0 ? bytes.size() : std::min(piece, bytes.size());
      input_.append(bytes.substr(0, part));
      bytes.remove_prefix(part);
      GoOn();
    }
  }
  void GoOn() { input_.erase(0, session_.Advance(input_)); }
  void ServerSays(std::uint32_t shard, std::string_view bytes) {
    FakeLink& link = links_[shard];
    link.heard.append(bytes);
    while (!link.heard.empty()) {
      const std::size_t consumed = session_.OnServerBytes(link, link.heard);
      if (consumed == 0) break;
      link.heard.erase(0, consumed);
    }
    GoOn();
  }
  // The types of messages that a peer was told, in order.
  static std::string Types(std::string_view bytes) {
    std::string types;
    pg::WireFrame frame;
    while (pg::NextFrame(bytes, 1 << 30, &frame) == pg::WireFrameState::kComplete) {
      types += frame.type;
      bytes.remove_prefix(frame.whole.size());
    }
    return types;
  }
  std::string ToClient() { return std::exchange(client_, {}); }

  static std::string Query(std::string_view sql) {
    std::string out;
    pg::AppendQuery(&out, sql);
    return out;
  }
  static std::string Done(std::string_view tag, char status = 'I') {
    std::string out;
    pg::AppendCommandComplete(&out, tag);
    pg::AppendReadyForQuery(&out, status);
    return out;
  }
  static std::string Failed(std::string_view code, char status = 'I',
                            std::string_view detail = {}) {
    std::string out;
    pg::AppendError(&out, {.severity = "ERROR",
                           .code = std::string(code),
                           .message = "m",
                           .detail = std::string(detail),
                           .hint = {}});
    pg::AppendReadyForQuery(&out, status);
    return out;
  }
  static std::string Ready(char status = 'I') {
    std::string out;
    pg::AppendReadyForQuery(&out, status);
    return out;
  }
  // The shard that owns a customer.
  std::uint32_t OwnerOf(std::int64_t id) {
    return world_.table->Find(KeyOfNumber(world_.table->table().key_space, id)).shard;
  }
  std::int64_t SomeKeyOf(std::uint32_t shard, int nth = 0) {
    for (std::int64_t id = 1;; ++id) {
      if (OwnerOf(id) == shard && nth-- == 0) return id;
    }
  }

  // SessionHost.
  std::string& client_out() override { return client_; }
  MonotonicTime Now() const override { return now_; }
  ServerLink* Acquire(std::uint32_t shard) override {
    if (none_free_) {
      waiting_.push_back(shard);
      return nullptr;
    }
    ++lent_[shard];
    return &links_[shard];
  }
  void Release(ServerLink& link, bool reusable) override {
    --lent_[link.shard];
    if (!reusable) ++broken_[link.shard];
  }
  void StopWaiting() override { waiting_.clear(); }
  void WakeAfter(std::chrono::milliseconds delay) override { pause_ = delay; }
  Admission Admit(const Footprint&, std::size_t, bool) override { return admission_; }
  void Finish() override { ++finished_; }
  const CompiledTable* table() override { return world_.table.get(); }
  const Catalogue& catalogue() override { return *world_.catalogue; }
  std::uint32_t ShardNumber(std::uint32_t index) override { return index; }
  std::int64_t ShardNumberOf(std::string_view id) override {
    return id.starts_with("s-") ? id[2] - '0' : -1;
  }
  std::string ShardId(std::uint32_t shard) override { return "s-" + std::to_string(shard); }
  bool text_orders_as_bytes() override { return true; }
  void LearnOwner(const StaleOwner& stale) override {
    learned_.push_back(stale);
    if (!learns_of_) return;
    model::RoutingTable heard = world_.table->table();
    heard.ranges[*learns_of_].shard = {stale.owner};
    heard.epoch = {stale.epoch};
    world_.table = Compiled(heard);
  }
  void OwnerGivenUp() override { ++given_up_; }
  void LearnColumns(const std::string& table, std::vector<std::string> columns) override {
    world_.catalogue = world_.catalogue->WithColumns(table, std::move(columns));
  }
  void LearnFunctions(const Functions& functions) override {
    world_.catalogue = world_.catalogue->WithFunctions(functions);
  }
  void ForgetColumns() override { world_.catalogue = TestCatalogue(); }
  void SchemaChanged() override { ++schema_changes_; }
  void Record(const StatementRecord& record) override {
    records_.push_back(record);
    if (record.sample != nullptr) samples_.push_back(*record.sample);
    records_.back().sample = nullptr;
  }
  Consistency default_consistency() override { return default_consistency_; }
  std::uint32_t ReaderOf(std::uint32_t shard, const ReadDemand& demand) override {
    demands_.push_back(demand);
    return replica_ ? *replica_ : shard;
  }
  void ProofsFor(bool, const std::vector<Key>&, std::vector<Proof>& proofs) override {
    proofs = proofs_;
  }
  std::string NewTransactionName(std::uint32_t first_shard) override {
    return "tx-" + std::to_string(first_shard);
  }
  void FinishLater(const ServerLink& link, std::string name, bool abandoned) override {
    later_.push_back(std::to_string(link.shard) + " " + name + (abandoned ? " abandoned" : ""));
  }
  std::chrono::milliseconds park_max() const override { return std::chrono::seconds(20); }
  void CloseClient() override { closed_ = true; }

  World world_;
  PlanCache plans_;
  PreparedRegistry prepared_;
  AccessSampler access_{1};
  SessionScratches scratches_;
  std::map<std::uint32_t, FakeLink> links_;
  std::string input_;
  std::string client_;
  MonotonicTime now_{std::chrono::seconds(1'000)};
  bool none_free_ = false;
  Admission admission_ = Admission::kGo;
  std::vector<std::uint32_t> waiting_;
  std::map<std::uint32_t, int> lent_;
  std::map<std::uint32_t, int> broken_;
  std::optional<std::chrono::milliseconds> pause_;
  int finished_ = 0;
  int schema_changes_ = 0;
  bool closed_ = false;
  std::optional<std::size_t> learns_of_;  // the quarter of which refusals speak
  std::vector<StaleOwner> learned_;
  int given_up_ = 0;
  std::vector<StatementRecord> records_;
  std::vector<AccessSample> samples_;
  std::vector<Proof> proofs_;
  Consistency default_consistency_ = Consistency::kStrong;
  std::optional<std::uint32_t> replica_;  // answers for every shard
  std::vector<ReadDemand> demands_;
  std::vector<std::string> later_;
  Session session_;
};

}  // namespace foreshard::router
