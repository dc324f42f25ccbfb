#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "base/check.h"

// What may fail because of the world returns a Result. Kinds say what to do next, not where it came from.

namespace foreshard {

struct Error {
  enum class Kind {
    kRetry,      // nothing happened; the same call may work later: back off, then observe
    kReobserve,  // the world is not as we saw it, or we cannot know: drop the decision, observe now
    kFenced,     // someone newer acts in our place: stop acting
    kGiveUp,     // no repetition helps until an input changes: show it in a condition
  };

  Kind kind = Kind::kGiveUp;
  std::string message;   // for people; names the thing and the value; never a secret or a parameter's value
  std::string reason;    // CamelCase reason for a condition; may be empty
  std::string code;      // SQLSTATE or HTTP status where one exists; may be empty

  static Error Retry(std::string message, std::string reason = {}, std::string code = {});
  static Error Reobserve(std::string message, std::string reason = {}, std::string code = {});
  static Error Fenced(std::string message, std::string reason = {}, std::string code = {});
  static Error GiveUp(std::string message, std::string reason = {}, std::string code = {});
};

const char* ToString(Error::Kind kind);

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}
  Result(Error error) : state_(std::move(error)) {}

  bool ok() const { return std::holds_alternative<T>(state_); }
  explicit operator bool() const { return ok(); }

  // REQUIRES: ok().
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(value()); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  T& value() & {
    CHECK(ok(), "value of a failed result", error_text());
    return std::get<T>(state_);
  }
  const T& value() const& {
    CHECK(ok(), "value of a failed result", error_text());
    return std::get<T>(state_);
  }
  T&& value() && {
    CHECK(ok(), "value of a failed result", error_text());
    return std::move(std::get<T>(state_));
  }

  // REQUIRES: !ok().
  const Error& error() const {
    CHECK(!ok(), "error of a good result");
    return std::get<Error>(state_);
  }

 private:
  std::string error_text() const { return ok() ? std::string() : std::get<Error>(state_).message; }

  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Error& error() const {
    CHECK(!ok(), "error of a good status");
    return *error_;
  }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

inline Status Ok() { return {}; }

}  // namespace foreshard
