#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace foreshard::bench {

// A mixed integer program, minimised by CBC (Debian package coinor-cbc). Variables are at least 0.
class Program {
 public:
  // Returns its index. `binary`: 0 or 1.
  std::size_t Variable(double cost, bool binary);

  struct Term {
    double factor = 1;
    std::size_t variable = 0;
  };
  void AtMost(const std::vector<Term>& terms, double most) { Add(terms, "<=", most); }
  void AtLeast(const std::vector<Term>& terms, double least) { Add(terms, ">=", least); }
  void Equal(const std::vector<Term>& terms, double value) { Add(terms, "=", value); }

  // The optimum, within a thousandth. Errors: kGiveUp with what CBC said: no optimum in time.
  Result<double> Solve() const;

 private:
  void Add(const std::vector<Term>& terms, const char* relation, double value);

  std::string objective_;
  std::string rows_;
  std::string binaries_;
  std::size_t variables_ = 0;
  std::size_t rows_count_ = 0;
};

}  // namespace foreshard::bench
