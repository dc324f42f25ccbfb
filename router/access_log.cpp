#include "router/access_log.h"

#include "base/log.h"
#include "router/lexer.h"
#include "router/limits.h"

namespace foreshard::router {
namespace {

std::string Joined(const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ",") + name;
  return all;
}

}  // namespace

void AccessSampler::Configure(const AccessLogOptions& options) {
  if (options == options_) return;
  options_ = options;
  left_ = 0;
  if (options_.one_in > 0) NextGap();
}

// By chance, or a client that repeats a transaction would show the same statement of it for ever.
// The mean of 1 to 2 n - 1 is n.
void AccessSampler::NextGap() {
  left_ = 1 + random_.Below(2 * static_cast<std::uint64_t>(options_.one_in) - 1);
}

bool AccessSampler::Taken() {
  NextGap();
  if (room_ == 0) {
    ++dropped_;
    return false;
  }
  --room_;
  ++taken_;
  return true;
}

void AccessSampler::Refill() { room_ = kAccessLinesMax; }

std::string ShapeOf(std::string_view text) {
  std::string shape;
  Lexer lexer(text);
  Token token{};
  while (shape.size() < kShapeBytesMax && lexer.Next(token)) {
    if (!shape.empty()) shape += ' ';
    const std::string_view piece = TextOf(text, token);
    switch (token.kind) {
      case TokenKind::kWord:
        for (const char c : piece)
          shape += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
        break;
      case TokenKind::kQuotedName:
      case TokenKind::kParameter:
      case TokenKind::kOperator:
      case TokenKind::kPunctuation:
        shape += piece;
        break;
      case TokenKind::kInteger:
      case TokenKind::kDecimal:
      case TokenKind::kString:
      case TokenKind::kEscapeString:
      case TokenKind::kDollarString:
      case TokenKind::kBitString:
      case TokenKind::kOpaque:
        shape += '?';
        break;
    }
  }
  return lexer.complete() ? shape : std::string();
}

void WriteAccess(const AccessLine& line) {
  const AccessSample& sample = line.sample;
  log::Info("access", {{"user", line.user},
                       {"kind", sample.kind},
                       {"tables", Joined(sample.tables)},
                       {"shape", sample.shape},
                       {"key", line.key},
                       {"keys", line.keys},
                       {"shard", line.shard},
                       {"replica", line.replica},
                       {"write", line.write},
                       {"backend_us", line.backend_micros},
                       {"rows", line.rows},
                       {"bytes", line.bytes},
                       {"sqlstate", sample.sqlstate.empty() ? "00000" : sample.sqlstate}});
}

}  // namespace foreshard::router
