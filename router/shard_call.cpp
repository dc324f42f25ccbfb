#include "router/shard_call.h"

#include "base/check.h"
#include "pg/wire_backend.h"
#include "pg/wire_startup.h"
#include "pg/wire_writer.h"
#include "router/limits.h"

namespace foreshard::router {

ShardCall::ShardCall(Loop& loop, Options options, Done done)
    : loop_(loop), options_(std::move(options)), done_(std::move(done)) {}

ShardCall::~ShardCall() {
  if (stream_ != nullptr) stream_->Close();
}

void ShardCall::Start() { stream_ = loop_.Connect(options_.address, this); }

void ShardCall::Again(Done done) {
  CHECK(idle(), "the answer before is not there yet");
  done_ = std::move(done);
  value_.clear();
  state_ = State::kAsked;
  pg::AppendQuery(&stream_->out(), options_.sql);
}

void ShardCall::OnConnected(Stream& stream) {
  if (stream.tls() != nullptr || options_.tls_mode == TlsMode::kDisable ||
      options_.tls == nullptr) {
    LogIn();
    return;
  }
  state_ = State::kAskedTls;
  pg::AppendSslRequest(&stream.out());
}

void ShardCall::LogIn() {
  state_ = State::kLogin;
  if (stream_->tls() != nullptr)
    options_.login.binding_hash = stream_->tls()->PeerCertificateHash();
  login_.emplace(options_.login);
  login_->Start(&stream_->out());
}

void ShardCall::OnBytes(std::string_view bytes) {
  if (state_ == State::kAskedTls) {
    if (bytes == "S") {
      stream_->StartTls(options_.tls, TlsStream::Role::kClient);
    } else if (bytes == "N" && options_.tls_mode != TlsMode::kRequire) {
      LogIn();
    } else {
      Fail("the shard does not offer TLS");
    }
    return;
  }
  buffer_.append(bytes);
  if (state_ == State::kLogin) {
    std::string_view rest = buffer_;
    const ServerLogin::Next next = login_->Receive(&rest, &stream_->out());
    buffer_.erase(0, buffer_.size() - rest.size());
    if (next == ServerLogin::Next::kFailed) {
      Fail(login_->failure(), login_->failure_code());
    } else if (next == ServerLogin::Next::kDone) {
      state_ = State::kAsked;
      pg::AppendQuery(&stream_->out(), options_.sql);
    }
    return;
  }
  if (state_ == State::kAsked) Hear();
}

void ShardCall::Hear() {
  pg::WireFrame frame;
  while (pg::NextFrame(buffer_, kClientMessageBytesMax, &frame) == pg::WireFrameState::kComplete) {
    if (frame.type == 'D' && value_.empty()) {
      pg::RowValues values(frame.body);
      std::optional<std::string_view> value;
      if (values.Next(&value)) value_ = std::string(value.value_or(std::string_view()));
    }
    if (frame.type == 'E') {
      const std::optional<pg::ErrorFields> error = pg::DecodeError(frame.body);
      failure_ = error ? Error::Retry(std::string(error->message), "", std::string(error->code))
                       : Error::Retry("malformed error");
    }
    const bool ready = frame.type == 'Z';
    buffer_.erase(0, frame.whole.size());
    if (!ready) continue;
    End(failure_ ? Result<std::string>(*failure_) : Result<std::string>(value_));
    return;
  }
}

void ShardCall::Fail(std::string_view reason, std::string_view code) {
  End(Error::Retry(std::string(reason), "", std::string(code)));
}

void ShardCall::OnGone(std::string_view reason) {
  stream_ = nullptr;
  Fail(reason);
}

void ShardCall::End(Result<std::string> answer) {
  const State before = std::exchange(state_, State::kOver);
  if (before == State::kOver) return;
  if (answer && options_.stays) {
    state_ = State::kIdle;
  } else if (stream_ != nullptr) {
    std::exchange(stream_, nullptr)->Close();
  }
  if (before == State::kIdle) return;  // Nobody asked.
  // Later, so that the owner may forget this call in it.
  loop_.After(std::chrono::milliseconds(0),
              [done = std::move(done_), answer = std::move(answer)] { done(answer); });
}

}  // namespace foreshard::router
