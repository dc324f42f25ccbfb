#pragma once

#include <string>

#include "base/result.h"

// The forms in which a command says what it found, and the signs that a terminal can show.

namespace foreshard::plugin {

enum class Output { kText, kWide, kJson, kYaml };

// "", "wide", "json", "yaml". Errors: kGiveUp naming what is accepted.
Result<Output> ParseOutput(const std::string& text);

// The same value as YAML: block style, keys in their order, texts quoted where they could be
// misread. REQUIRES: `json` is JSON that we wrote.
std::string ToYaml(const std::string& json);

// "████████░░░│░" of `width` signs: how much of 100 %, and where the limit is. More than 100 % is
// full.
std::string Bar(double percent, double limit_percent, int width);

enum class Colour { kNone, kRed, kYellow, kGreen };
// As it is when `colours` is false: what is piped stays plain.
std::string Coloured(const std::string& text, Colour colour, bool colours);

}  // namespace foreshard::plugin
