#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace foreshard::pg {

// Settings of a connection as libpq's keyword/value string. Later settings win over earlier ones.
//
//   Conninfo::Parse(flag)->With("dbname", "app").With("password", secret).text()
class Conninfo {
 public:
  // Accepts "host=a port=5432 password='x y'" and postgresql:// URIs. Errors: kGiveUp without the
  // text, which may hold a password.
  static Result<Conninfo> Parse(std::string_view text);

  Conninfo With(std::string_view keyword, std::string_view value) const;
  // Sets it only where nothing is set.
  Conninfo WithDefault(std::string_view keyword, std::string_view value) const;

  // "" where it is not set.
  std::string_view Get(std::string_view keyword) const;
  // Quoted so that every value survives. Holds the password: never log it.
  std::string text() const;

 private:
  std::vector<std::pair<std::string, std::string>> settings_;
};

}  // namespace foreshard::pg
