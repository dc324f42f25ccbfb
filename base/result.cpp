#include "base/result.h"

namespace foreshard {

namespace {

Error Make(Error::Kind kind, std::string message, std::string reason, std::string code) {
  return {.kind = kind, .message = std::move(message), .reason = std::move(reason), .code = std::move(code)};
}

}  // namespace

Error Error::Retry(std::string message, std::string reason, std::string code) {
  return Make(Kind::kRetry, std::move(message), std::move(reason), std::move(code));
}

Error Error::Reobserve(std::string message, std::string reason, std::string code) {
  return Make(Kind::kReobserve, std::move(message), std::move(reason), std::move(code));
}

Error Error::Fenced(std::string message, std::string reason, std::string code) {
  return Make(Kind::kFenced, std::move(message), std::move(reason), std::move(code));
}

Error Error::GiveUp(std::string message, std::string reason, std::string code) {
  return Make(Kind::kGiveUp, std::move(message), std::move(reason), std::move(code));
}

const char* ToString(Error::Kind kind) {
  switch (kind) {
    case Error::Kind::kRetry: return "Retry";
    case Error::Kind::kReobserve: return "Reobserve";
    case Error::Kind::kFenced: return "Fenced";
    case Error::Kind::kGiveUp: return "GiveUp";
  }
  Unreachable(kind);
}

}  // namespace foreshard
