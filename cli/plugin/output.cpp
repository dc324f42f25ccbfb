#include "cli/plugin/output.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <nlohmann/json.hpp>

namespace foreshard::plugin {

namespace {

using Json = nlohmann::ordered_json;

// What YAML would read as something else than this text.
bool NeedsQuotes(const std::string& text) {
  if (text.empty() || text.front() == ' ' || text.back() == ' ') return true;
  static constexpr const char* kWords[] = {"true", "false", "null", "yes", "no", "on", "off", "~"};
  std::string lower = text;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const char* word : kWords) {
    if (lower == word) return true;
  }
  // Numbers, times and all that begins with an indicator.
  if (std::isalpha(static_cast<unsigned char>(text.front())) == 0 && text.front() != '/')
    return true;
  return std::any_of(text.begin(), text.end(), [](unsigned char c) {
    return c < ' ' || std::string_view(":#{}[],&*!|>'\"%@`").find(static_cast<char>(c)) !=
                          std::string_view::npos;
  });
}

std::string Scalar(const Json& value) {
  if (!value.is_string()) return value.dump();
  const std::string text = value.get<std::string>();
  return NeedsQuotes(text) ? value.dump() : text;  // JSON's quoting is YAML's too
}

void Write(const Json& value, int depth, std::string& out) {
  const std::string indent(static_cast<std::size_t>(depth) * 2, ' ');
  if (value.is_object()) {
    for (const auto& [key, member] : value.items()) {
      const bool nested = (member.is_object() || member.is_array()) && !member.empty();
      const std::string name = NeedsQuotes(key) ? Json(key).dump() : key;
      out += fmt::format("{}{}:{}", indent, name, nested ? "\n" : " ");
      if (nested) {
        Write(member, member.is_array() ? depth : depth + 1, out);
      } else {
        out += Scalar(member) + "\n";
      }
    }
    return;
  }
  if (!value.is_array()) {
    out += indent + Scalar(value) + "\n";
    return;
  }
  for (const Json& item : value) {
    if (!item.is_structured() || item.empty()) {
      out += fmt::format("{}- {}\n", indent, Scalar(item));
      continue;
    }
    std::string nested;
    Write(item, depth + 1, nested);
    out += indent + "- " + nested.substr(indent.size() + 2);
  }
}

}  // namespace

Result<Output> ParseOutput(const std::string& text) {
  if (text.empty()) return Output::kText;
  if (text == "wide") return Output::kWide;
  if (text == "json") return Output::kJson;
  if (text == "yaml") return Output::kYaml;
  return Error::GiveUp(fmt::format("-o {}: json, yaml or wide", text));
}

std::string ToYaml(const std::string& json) {
  std::string text;
  Write(Json::parse(json), 0, text);
  return text;
}

std::string Bar(double percent, double limit_percent, int width) {
  const auto at = [width](double part) {
    return static_cast<int>(std::lround(std::clamp(part, 0.0, 100.0) * width / 100));
  };
  std::string bar;
  for (int i = 0; i < width; ++i) {
    const bool limit = i == at(limit_percent) && limit_percent > 0;
    bar += limit ? "│" : i < at(percent) ? "█" : "░";
  }
  return bar;
}

std::string Coloured(const std::string& text, Colour colour, bool colours) {
  if (!colours || colour == Colour::kNone) return text;
  const int code = colour == Colour::kRed ? 31 : colour == Colour::kYellow ? 33 : 32;
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

}  // namespace foreshard::plugin
