#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace foreshard::kube {

// Walks over JSON text without building anything: a thousand shards renew two hundred Endpoints a
// second, and a parsed copy of each is most of what an idle operator would do. `text` must be JSON;
// of anything else it sees some part, never more. It must outlive the walk; what `see` is given are
// views of it.
class JsonSkimmer {
 public:
  explicit JsonSkimmer(std::string_view text) : text_(text) {}

  // Calls see(name, value) for each member of the object that begins here; the name is as written.
  template <typename See>
  void Members(const See& see) {
    if (!Take('{')) return;
    while (at_ < text_.size() && Peek() == '"') {
      const std::string_view name = Value();
      if (!Take(':')) return;
      see(name.substr(1, name.size() - 2), Value());
      if (!Take(',')) return;
    }
  }

  // Calls see(value) for each element of the array that begins here.
  template <typename See>
  void Elements(const See& see) {
    if (!Take('[')) return;
    while (at_ < text_.size() && Peek() != ']') {
      const std::size_t before = at_;
      see(Value());
      if (!Take(',') || at_ == before) return;
    }
  }

 private:
  static bool IsSpace(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }
  char Peek() {
    while (at_ < text_.size() && IsSpace(text_[at_])) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool Take(char c) {
    if (Peek() != c) return false;
    ++at_;
    return true;
  }
  void SkipText() {  // from its first quote behind its last
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\') ++at_;
    }
    at_ = std::min(at_ + 1, text_.size());
  }
  std::string_view Value() {
    const char first = Peek();
    const std::size_t begin = at_;
    int depth = 0;
    if (first == '"') SkipText();
    while (first != '"' && at_ < text_.size()) {
      const char c = text_[at_];
      const bool closes = c == '}' || c == ']';
      if (depth == 0 && (closes || c == ',')) break;  // behind a number or a word
      if (c == '"') {
        SkipText();
        continue;
      }
      ++at_;
      depth += c == '{' || c == '[' ? 1 : 0;
      if (closes && --depth == 0) break;
    }
    return text_.substr(begin, at_ - begin);
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace foreshard::kube
