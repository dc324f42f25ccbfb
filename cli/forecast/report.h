#pragma once

#include <string>

#include "cli/forecast/backtest.h"
#include "cli/forecast/evaluate.h"

// Reports as JSON for programs (one object, every number finite) and as a table for people.

namespace foreshard::cli {

struct BacktestHeading {
  std::string trace;  // file name without folder and ending
  std::string bin;    // as asked
  std::string horizon;
  double seconds = 0;
};

std::string BacktestJson(const BacktestHeading& heading, const BacktestReport& report);
std::string BacktestTable(const BacktestHeading& heading, const BacktestReport& report);

std::string EvaluateJson(const EvaluateReport& report, double seconds);
std::string EvaluateTable(const EvaluateReport& report, double seconds);

// A JSON string with quotes.
std::string Quoted(const std::string& text);
// A JSON number; infinities and NaN cannot be said in JSON and become 0.
std::string Number(double value, int decimals);

}  // namespace foreshard::cli
