#include "router/upstream.h"

#include "pg/wire_backend.h"
#include "pg/wire_startup.h"
#include "pg/wire_writer.h"
#include "router/client.h"
#include "router/limits.h"
#include "router/worker.h"

namespace foreshard::router {

Upstream::Upstream(Worker& worker, Options options)
    : worker_(worker), options_(std::move(options)) {
  shard = worker_.pool().group(options_.group).shard;
  if (const std::optional<std::uint32_t> of = worker_.ReplicaOf(shard)) {
    replica = true;
    replica_of = *of;
  }
  registered_epoch_ = options_.login.epoch;
}

Upstream::~Upstream() {
  if (stream_ != nullptr) stream_->Close();
}

void Upstream::Connect() {
  login_deadline_ = worker_.Now() + kServerLoginTimeout;
  stream_ = worker_.loop().Connect(options_.address, this);
}

std::string& Upstream::out() {
  nowhere_.clear();
  return stream_ == nullptr ? nowhere_ : stream_->out();
}

void Upstream::OnConnected(Stream& stream) {
  if (stream.tls() != nullptr || options_.tls_mode == TlsMode::kDisable ||
      options_.tls == nullptr) {
    StartLogin();
    return;
  }
  state_ = State::kAskedTls;
  pg::AppendSslRequest(&stream.out());
}

void Upstream::StartLogin() {
  state_ = State::kLogin;
  if (stream_->tls() != nullptr)
    options_.login.binding_hash = stream_->tls()->PeerCertificateHash();
  login_.emplace(options_.login);
  login_->Start(&stream_->out());
}

void Upstream::OnBytes(std::string_view bytes) {
  switch (state_) {
    case State::kAskedTls:
      if (bytes == "S") {
        stream_->StartTls(options_.tls, TlsStream::Role::kClient);
      } else if (bytes == "N" && options_.tls_mode != TlsMode::kRequire) {
        StartLogin();
      } else {
        FailLogin("08001", "the shard does not offer TLS");
      }
      return;
    case State::kLogin:
      LoginBytes(bytes);
      return;
    case State::kReady:
      SessionBytes(bytes);
      return;
    case State::kConnecting:
    case State::kClosed:
      return;
  }
  Unreachable(state_);
}

void Upstream::LoginBytes(std::string_view bytes) {
  buffer_.append(bytes);
  std::string_view rest = buffer_;
  const ServerLogin::Next next = login_->Receive(&rest, &stream_->out());
  buffer_.erase(0, buffer_.size() - rest.size());
  if (next == ServerLogin::Next::kMore) return;
  if (next == ServerLogin::Next::kFailed) {
    FailLogin(login_->failure_code(), login_->failure());
    return;
  }
  if (login_->in_recovery() && !replica) {
    FailLogin("57P03", "the server is in recovery: not the primary");
    return;
  }
  state_ = State::kReady;
  has_schema = login_->has_foreshard_schema() && !replica;
  forgets = login_->forgets_decisions() && !replica;
  worker_.UpstreamReady(*this);
}

// Between two uses: says to the shard by which table this connection is used from now on. A
// clean-up may then leave it; only connections of an older table could still write what moved. Not
// when it is lent: what it is lent for was routed before. True: the answer is to come.
bool Upstream::Register() {
  const std::shared_ptr<const CompiledTable>& table = worker_.view().table;
  if (!has_schema || table == nullptr || registered_epoch_ >= table->epoch().value) return false;
  registered_epoch_ = table->epoch().value;
  registering_ = true;
  pg::AppendQuery(&stream_->out(), ConnectedSql(options_.login.router, registered_epoch_));
  return true;
}

// An error changes nothing: the shard then knows of the older table, and ends this when it must.
void Upstream::RegistrationBytes(std::string_view bytes) {
  buffer_.append(bytes);
  pg::WireFrame frame;
  while (pg::NextFrame(buffer_, kServerMessageBytesMax, &frame) == pg::WireFrameState::kComplete) {
    registering_ = frame.type != 'Z';
    buffer_.erase(0, frame.whole.size());
    if (registering_) continue;
    if (buffer_.empty()) return worker_.UpstreamFree(*this);
    Close();
    return worker_.UpstreamGone(*this, "it spoke while idle");
  }
}

void Upstream::SessionBytes(std::string_view bytes) {
  if (registering_) return RegistrationBytes(bytes);
  if (client_ == nullptr) {
    // An idle server that speaks says good-bye (57P01) or something nobody asked for.
    Close();
    worker_.UpstreamGone(*this, "it spoke while idle");
    return;
  }
  Client& client = *client_;
  delivering_ = true;
  if (buffer_.empty()) {
    const std::size_t consumed = client.ServerBytes(*this, bytes);
    if (consumed < bytes.size()) buffer_.assign(bytes.substr(consumed));
    if (consumed > 0) DeliverRest(client);
  } else {
    buffer_.append(bytes);
    DeliverRest(client);
  }
  delivering_ = false;
  Settle();
  worker_.Continue(client);
}

// A session may stop in the middle of what came; it gets the rest as long as it takes some of it.
void Upstream::DeliverRest(Client& client) {
  while (!buffer_.empty() && !give_back_) {
    const std::size_t consumed = client.ServerBytes(*this, buffer_);
    if (consumed == 0) break;
    buffer_.erase(0, consumed);
  }
  if (buffer_.empty() && buffer_.capacity() > kReleaseBufferBytes) buffer_ = {};
}

void Upstream::GiveBack(bool reusable) {
  reusable_ = reusable_ && reusable;
  give_back_ = true;
  if (!delivering_) Settle();
}

void Upstream::Settle() {
  if (!give_back_ || cancels_ > 0) return;
  give_back_ = false;
  client_ = nullptr;
  if (!reusable_ || !buffer_.empty() || stream_ == nullptr) {
    Close();
    worker_.UpstreamGone(*this, {});
    return;
  }
  stream_->Resume();
  if (!Register()) worker_.UpstreamFree(*this);
}

void Upstream::CancelEnds() {
  --cancels_;
  Settle();
}

void Upstream::Close() {
  state_ = State::kClosed;
  if (stream_ != nullptr) std::exchange(stream_, nullptr)->CloseAfterFlush();
}

void Upstream::FailLogin(std::string_view code, std::string_view reason) {
  const std::string why(reason);
  const std::string what(code);
  state_ = State::kClosed;
  if (stream_ != nullptr) std::exchange(stream_, nullptr)->Close();
  worker_.UpstreamFailed(*this, what, why);
}

void Upstream::OnGone(std::string_view reason) {
  stream_ = nullptr;
  const std::string why(reason);
  if (state_ != State::kReady) {
    state_ = State::kClosed;
    worker_.UpstreamFailed(*this, "08006", why);
    return;
  }
  state_ = State::kClosed;
  reusable_ = false;
  if (client_ == nullptr) {
    worker_.UpstreamGone(*this, why);
    return;
  }
  Client& client = *client_;
  if (!give_back_) client.ServerLost(*this, why);  // It gives the connection back.
  worker_.Continue(client);
}

void Upstream::PauseReading() {
  if (stream_ != nullptr) stream_->Pause();
}

void Upstream::ResumeReading() {
  if (stream_ != nullptr) stream_->Resume();
}

void Upstream::OnDrained() {
  if (client_ != nullptr) client_->ServerDrained();
}

}  // namespace foreshard::router
