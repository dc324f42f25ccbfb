#include "bench/planner_targets/cbc.h"

#include <fmt/format.h>

#include <cmath>
#include <string>

#include "tests/support/child_process.h"
#include "tests/support/temporary_directory.h"

namespace foreshard::bench {

namespace {

std::string Text(double factor, std::size_t variable) {
  return fmt::format(" {} {:.9f} x{}", factor < 0 ? '-' : '+', std::abs(factor), variable);
}

}  // namespace

std::size_t Program::Variable(double cost, bool binary) {
  objective_ += Text(cost, variables_);
  // Lines of the format have an end.
  if (variables_ % 8 == 7) objective_ += "\n";
  if (binary) binaries_ += fmt::format(" x{}\n", variables_);
  return variables_++;
}

void Program::Add(const std::vector<Term>& terms, const char* relation, double value) {
  if (terms.empty()) return;
  rows_ += fmt::format(" r{}:", rows_count_++);
  for (std::size_t i = 0; i < terms.size(); ++i) {
    rows_ += Text(terms[i].factor, terms[i].variable);
    if (i % 8 == 7) rows_ += "\n";
  }
  rows_ += fmt::format(" {} {:.9f}\n", relation, value);
}

Result<double> Program::Solve() const {
  support::TemporaryDirectory folder("cbc");
  const std::string model =
      folder.Write("model.lp", fmt::format("Minimize\n obj:{}\nSubject To\n{}Binaries\n{}End\n",
                                           objective_, rows_, binaries_));
  const std::string answer = folder.File("answer.txt");
  const auto ended =
      support::RunOrError({.command = {"cbc", model, "-ratioGap", "0.001", "-seconds", "20",
                                       "-solve", "-solution", answer}},
                          std::chrono::seconds(60));
  if (!ended) return ended.error();
  const std::string text = support::ReadFile(answer);
  // "Optimal - objective value 3", or "Optimal (within gap tolerance) - objective value 3".
  const std::string wanted = "objective value ";
  const std::size_t at = text.find(wanted);
  if (!text.starts_with("Optimal") || at == std::string::npos)
    return Error::GiveUp(fmt::format("cbc: {}", text.substr(0, text.find('\n'))));
  return std::stod(text.substr(at + wanted.size()));
}

}  // namespace foreshard::bench
