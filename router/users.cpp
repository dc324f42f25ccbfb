#include "router/users.h"

#include <fmt/format.h>

namespace foreshard::router {

const ScramVerifier* Users::Find(std::string_view name) const {
  const auto found = verifiers_.find(name);
  return found == verifiers_.end() ? nullptr : &found->second;
}

Result<std::shared_ptr<const Users>> ParseUsers(std::string_view text) {
  auto users = std::make_shared<Users>();
  int number = 0;
  while (!text.empty()) {
    ++number;
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with('#')) continue;
    const std::size_t space = line.rfind(' ');
    if (space == std::string_view::npos || space == 0) {
      return Error::GiveUp(fmt::format("users, line {}: expected a name and a verifier", number));
    }
    const Result<ScramVerifier> verifier = ParseScramVerifier(line.substr(space + 1));
    if (!verifier)
      return Error::GiveUp(fmt::format("users, line {}: {}", number, verifier.error().message));
    users->verifiers_[std::string(line.substr(0, space))] = *verifier;
  }
  return std::shared_ptr<const Users>(std::move(users));
}

}  // namespace foreshard::router
