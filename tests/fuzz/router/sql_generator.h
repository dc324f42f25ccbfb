#pragma once

#include <string>

#include "base/random.h"

// Statements over customers, orders and countries, most of them valid: every clause that
// classification reads, with literals of all kinds, white space and comments of all kinds between
// the tokens.

namespace foreshard::fuzz {

class SqlGenerator {
 public:
  explicit SqlGenerator(Random& random) : random_(random) {}

  std::string Statement();

 private:
  std::string Select(int depth);
  std::string Insert();
  std::string Update();
  std::string Delete();
  std::string Utility();
  std::string From(int depth);
  std::string Where(int depth);
  std::string Value();
  std::string Key();
  std::string Literal();
  std::string Gap();
  std::string Cased(const std::string& words);

  Random& random_;
};

}  // namespace foreshard::fuzz
