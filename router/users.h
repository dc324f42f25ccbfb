#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "router/scram.h"

// Who may log in: the verifiers of the users file, one `name SCRAM-SHA-256$...` a line; `#` begins
// a comment.

namespace foreshard::router {

class Users {
 public:
  // nullptr if unknown.
  const ScramVerifier* Find(std::string_view name) const;
  std::size_t size() const { return verifiers_.size(); }

 private:
  friend Result<std::shared_ptr<const Users>> ParseUsers(std::string_view text);
  std::map<std::string, ScramVerifier, std::less<>> verifiers_;
};

// Errors: kGiveUp with the number of the line, never its text.
Result<std::shared_ptr<const Users>> ParseUsers(std::string_view text);

}  // namespace foreshard::router
