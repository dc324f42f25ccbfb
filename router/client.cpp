#include "router/client.h"

#include <algorithm>

#include "base/check.h"
#include "pg/wire_writer.h"
#include "router/limits.h"
#include "router/upstream.h"
#include "router/worker.h"

namespace foreshard::router {

Client::Client(Worker& worker, Stream& stream, Slot slot, std::uint32_t secret)
    : worker_(worker), stream_(&stream), slot_(slot), secret_(secret) {
  const RouterState::View& view = worker_.view();
  Greeter::Options options;
  options.tls_available = view.client_tls != nullptr && view.config->tls_mode != TlsMode::kDisable;
  options.tls_required = view.config->tls_mode == TlsMode::kRequire;
  options.users = view.users;
  options.mock_secret = worker_.mock_secret();
  options.nonce = RandomNonce();
  if (options.tls_available) options.binding_hash = view.client_tls->certificate_hash();
  options.knows_database = [name = view.config->database](std::string_view database) {
    return database == name;
  };
  greeter_ = std::make_unique<Greeter>(std::move(options));
  greeting_deadline_ = worker_.Now() + kStartupTimeout;
}

Client::~Client() {
  if (timer_) worker_.loop().Cancel(*timer_);
  if (stream_ != nullptr) stream_->Close();
}

void Client::OnConnected(Stream& stream) {
  if (!greeter_->TlsStarted(stream.tls()->speaks_postgresql())) CloseClient();
}

void Client::OnBytes(std::string_view bytes) {
  if (closing_) return;
  if (!session_) {
    Greet(bytes);
    return;
  }
  Feed(bytes);
}

void Client::Greet(std::string_view bytes) {
  buffer_.append(bytes);
  if (greeter_ == nullptr) {  // Waits for its welcome; a client in a hurry may have spoken already.
    if (buffer_.size() > kBatchBytesMax && !std::exchange(paused_, true)) stream_->Pause();
    return;
  }
  std::string_view rest = buffer_;
  const Greeter::Next next = greeter_->Receive(&rest, &stream_->out());
  const std::string left(rest);
  buffer_ = left;
  switch (next) {
    case Greeter::Next::kMore:
      if (buffer_.size() > 2 * kAuthMessageBytesMax) CloseClient();
      return;
    case Greeter::Next::kStartTls: {
      buffer_.clear();
      stream_->StartTls(worker_.view().client_tls, TlsStream::Role::kServer, left);
      return;
    }
    case Greeter::Next::kCancel:
      worker_.CancelRequested(greeter_->cancel_target());
      CloseClient();
      return;
    case Greeter::Next::kRefuse:
      worker_.CountLoginFailure(greeter_->refusal_code());
      CloseClient();
      return;
    case Greeter::Next::kDone:
      break;
  }
  user_ = greeter_->user();
  database_ = greeter_->database();
  settings_ = greeter_->settings();
  worker_.LearnIdentity(user_, greeter_->identity());
  greeter_.reset();
  const std::optional<Refusal> refusal = worker_.MayAdmitClient();
  admitted_ = !refusal || refusal->sqlstate == "53300";
  if (refusal) {
    End(refusal->sqlstate, refusal->message);
    return;
  }
  AskWelcome();
}

// The parameters that a server reports at login are the same for all sessions of a user; the first
// one asks a server.
void Client::AskWelcome() {
  const std::map<std::string, std::string>* known = worker_.WelcomeParameters(user_, database_);
  if (known != nullptr) {
    Welcome(*known);
    return;
  }
  if (worker_.view().table == nullptr) {
    End("57P03", "the router has no routing table yet");
    return;
  }
  welcome_shard_ = ShardNumber(0);
  ServerLink* link = Acquire(*welcome_shard_);
  if (link != nullptr) ServerReady(static_cast<Upstream&>(*link));
}

void Client::Welcome(const std::map<std::string, std::string>& parameters) {
  std::string& out = stream_->out();
  pg::WireWriter(&out, 'R').Int32(0).End();
  for (const auto& [name, value] : parameters) {
    const auto asked = settings_.find(name);
    pg::AppendParameterStatus(&out, name, asked != settings_.end() ? asked->second : value);
  }
  if (!parameters.contains("application_name") && settings_.contains("application_name")) {
    pg::AppendParameterStatus(&out, "application_name", settings_.at("application_name"));
  }
  pg::WireWriter(&out, 'K')
      .Int32(static_cast<std::int32_t>(worker_.CancelId(slot_)))
      .Int32(static_cast<std::int32_t>(secret_))
      .End();
  pg::AppendReadyForQuery(&out, 'I');
  session_.emplace(*this, worker_.session_context(),
                   Session::Options{.user = user_, .settings = std::move(settings_)});
  settings_.clear();
  if (!buffer_.empty()) Continue();
}

void Client::Feed(std::string_view bytes) {
  if (buffer_.empty()) {
    heard_ = bytes;
    const std::size_t consumed = session_->Advance(bytes);
    heard_ = {};
    if (consumed < bytes.size()) KeepRest(bytes.substr(consumed));
  } else {
    buffer_.append(bytes);
    const std::size_t consumed = session_->Advance(buffer_);
    KeepRest(std::string_view(buffer_).substr(consumed));
  }
  BalanceReading();
}

void Client::KeepRest(std::string_view rest) {
  if (rest.empty()) {
    buffer_.clear();
    if (buffer_.capacity() <= kKeptBufferBytes) return;  // Small ones stay for the next statement.
    worker_.GiveBuffer(std::move(buffer_));
    buffer_ = {};
    return;
  }
  if (rest.data() >= buffer_.data() && rest.data() < buffer_.data() + buffer_.size()) {
    buffer_.erase(0, static_cast<std::size_t>(rest.data() - buffer_.data()));
    return;
  }
  if (buffer_.capacity() < 64) buffer_ = worker_.TakeBuffer();
  buffer_.assign(rest);
}

void Client::Continue() {
  if (!session_ || closing_) return;
  const std::size_t consumed = session_->Advance(buffer_);
  KeepRest(std::string_view(buffer_).substr(consumed));
  BalanceReading();
}

// Slow readers stop those who write to them: no buffer grows without bound.
void Client::BalanceReading() {
  if (stream_ == nullptr || closing_) return;
  std::size_t to_servers = 0;
  for (const Upstream* link : lent_) to_servers = std::max(to_servers, link->backlog_bytes());
  const bool pause = to_servers > kServerBacklogBytesMax ||
                     (session_->blocked() && buffer_.size() > kBatchBytesMax);
  if (pause != paused_) {
    paused_ = pause;
    pause ? stream_->Pause() : stream_->Resume();
  }
  const bool pause_servers = stream_->backlog_bytes() > kClientBacklogBytesMax;
  if (pause_servers != servers_paused_) {
    servers_paused_ = pause_servers;
    for (Upstream* link : lent_) pause_servers ? link->PauseReading() : link->ResumeReading();
  }
}

std::size_t Client::ServerBytes(Upstream& link, std::string_view bytes) {
  if (!session_ || closing_) return bytes.size();
  return session_->OnServerBytes(link, bytes);
}

void Client::ServerReady(Upstream& link) {
  link.Lend(*this);
  if (std::find(lent_.begin(), lent_.end(), &link) == lent_.end()) lent_.push_back(&link);
  if (welcome_shard_) {
    welcome_shard_.reset();
    worker_.LearnWelcome(user_, database_, link.login().parameters());
    Release(link, true);
    Welcome(*worker_.WelcomeParameters(user_, database_));
    return;
  }
  if (!session_ || closing_) {
    Release(link, true);
    return;
  }
  session_->OnServerReady(link.shard, link);
}

void Client::ServerFailed(std::uint32_t shard, const Refusal& why, bool may_retry) {
  if (welcome_shard_) {
    welcome_shard_.reset();
    End(why.sqlstate, why.message);
    return;
  }
  if (session_ && !closing_) session_->OnServerFailed(shard, why, may_retry);
}

void Client::ServerLost(Upstream& link, std::string_view reason) {
  if (session_ && !closing_) {
    session_->OnServerLost(link, reason);
  }
  const bool later = session_ && session_->holds(link);
  if (!later && std::find(lent_.begin(), lent_.end(), &link) != lent_.end()) Release(link, false);
}

void Client::ServerDrained() { BalanceReading(); }

void Client::OnDrained() { BalanceReading(); }

void Client::Unparked(bool may_go) {
  if (session_ && !closing_) session_->OnUnparked(may_go);
}

void Client::EndIfAtRest() {
  if (!session_ ? greeter_ != nullptr : session_->at_rest()) {
    End("57P01", "terminating connection due to administrator command");
  }
}

void Client::End(std::string_view code, std::string_view message) {
  if (stream_ == nullptr || closing_) return;
  pg::AppendError(&stream_->out(), {.severity = "FATAL",
                                    .code = std::string(code),
                                    .message = std::string(message),
                                    .detail = {},
                                    .hint = {}});
  CloseClient();
}

void Client::CloseClient() {
  if (closing_) return;
  closing_ = true;
  if (stream_ != nullptr) std::exchange(stream_, nullptr)->CloseAfterFlush();
  worker_.ClientGone(*this);
}

void Client::OnGone(std::string_view) {
  stream_ = nullptr;
  if (closing_) return;
  closing_ = true;
  worker_.ClientGone(*this);
}

// Called once by the worker, outside of any call into this client.
void Client::Leave() {
  if (session_) session_->OnClientGone();
  StopWaiting();
  while (!lent_.empty()) Release(*lent_.back(), false);
}

void Client::Cancel() {
  if (!session_ || closing_) return;
  session_->CancelWait();
  for (ServerLink* link : session_->BusyServers()) worker_.CancelOn(static_cast<Upstream&>(*link));
  Continue();
}

std::string& Client::client_out() {
  if (stream_ != nullptr) return stream_->out();
  nowhere_.clear();
  return nowhere_;
}

MonotonicTime Client::Now() const { return worker_.Now(); }

GroupId Client::GroupOf(std::uint32_t shard) {
  if (groups_.size() <= shard) groups_.resize(shard + 1);
  if (!groups_[shard]) groups_[shard] = worker_.pool().GroupFor(shard, user_, database_);
  return *groups_[shard];
}

ServerLink* Client::Acquire(std::uint32_t shard) {
  Upstream* link = worker_.Acquire(GroupOf(shard), slot_);
  if (link == nullptr) return nullptr;
  link->Lend(*this);
  lent_.push_back(link);
  if (servers_paused_) link->PauseReading();
  return link;
}

void Client::Release(ServerLink& link, bool reusable) {
  auto& upstream = static_cast<Upstream&>(link);
  std::erase(lent_, &upstream);
  upstream.GiveBack(reusable);
}

void Client::StopWaiting() {
  worker_.pool().StopWaiting(slot_);
  if (timer_) worker_.loop().Cancel(*std::exchange(timer_, std::nullopt));
  worker_.Finish(slot_);
}

void Client::WakeAfter(std::chrono::milliseconds delay) {
  if (timer_) worker_.loop().Cancel(*timer_);
  timer_ = worker_.loop().After(delay, [this] {
    timer_.reset();
    session_->OnTimer();
    worker_.Continue(*this);
  });
}

Admission Client::Admit(const Footprint& footprint, std::size_t bytes, bool transaction_open) {
  return worker_.hold().Admit(slot_, footprint, bytes, transaction_open, worker_.Now());
}

void Client::Finish() { worker_.Finish(slot_); }

const CompiledTable* Client::table() { return worker_.view().table.get(); }

const Catalogue& Client::catalogue() { return *worker_.view().catalogue; }

std::uint32_t Client::ShardNumber(std::uint32_t index) { return worker_.ShardNumber(index); }

std::int64_t Client::ShardNumberOf(std::string_view id) { return worker_.ShardNumberOf(id); }

std::string Client::ShardId(std::uint32_t shard) { return worker_.ShardId(shard); }

bool Client::text_orders_as_bytes() {
  return worker_.state().text_orders_as_bytes.load(std::memory_order_relaxed);
}

void Client::LearnOwner(const StaleOwner& stale) { worker_.LearnOwner(stale); }
void Client::OwnerGivenUp() { ++worker_.state().stale_owner_given_up_total; }

void Client::LearnColumns(const std::string& table, std::vector<std::string> columns) {
  worker_.state().LearnColumns(table, std::move(columns));
  worker_.Refresh();
}

void Client::LearnFunctions(const Functions& functions) {
  if (functions.empty()) return;
  worker_.state().LearnFunctions(functions);
  worker_.Refresh();
}

void Client::ForgetColumns() {
  worker_.state().ForgetColumns();
  worker_.Refresh();
}

void Client::SchemaChanged() {
  worker_.SchemaChanged();
  ForgetColumns();
}

void Client::Record(const StatementRecord& record) { worker_.Record(record); }

Consistency Client::default_consistency() { return worker_.view().config->read_consistency; }

std::uint32_t Client::ReaderOf(std::uint32_t shard, const ReadDemand& demand) {
  return worker_.ReaderOf(shard, demand, user_, database_);
}

void Client::ProofsFor(bool scatter, const std::vector<Key>& keys, std::vector<Proof>& proofs) {
  const RouterState::View& view = worker_.view();
  if (!view.leased.empty() || !view.learned.empty()) proofs = worker_.ProofsFor(scatter, keys);
}

std::string Client::NewTransactionName(std::uint32_t first_shard) {
  return worker_.NewTransactionName(first_shard);
}

void Client::FinishLater(const ServerLink& link, std::string name, bool abandoned) {
  const std::uint32_t process = static_cast<const Upstream&>(link).process_id();
  worker_.FinishLater(user_, database_, link.shard, std::move(name), abandoned ? process : 0);
}

std::chrono::milliseconds Client::park_max() const {
  return std::chrono::milliseconds(worker_.view().config->park_max_millis);
}

}  // namespace foreshard::router
