#include "router/shape_memo.h"

#include <algorithm>
#include <cstring>

#include "router/lexer.h"

namespace foreshard::router {

namespace {

constexpr std::uint32_t kDigitsMax = 18;

// Another value may stand here, and the same bytes around it are read as before: a number that
// nothing could continue, a string without doubled quotes.
bool MayDiffer(std::string_view text, const Literal& literal) {
  const char after = literal.end < text.size() ? text[literal.end] : ' ';
  if (literal.kind == LiteralKind::kInteger) {
    return literal.end - literal.begin <= kDigitsMax && after != '.' && !IsByte(after, kWordByte);
  }
  if (literal.kind != LiteralKind::kString) return false;
  const std::string_view body =
      text.substr(literal.begin + 1, literal.end - literal.begin - 2);
  return body.find('\'') == std::string_view::npos;
}

// Where the value that begins at `at` ends, or `at` if it is of another kind. A doubled quote ends it
// too early, and what follows differs from the example then: nothing that it holds begins with one.
std::uint32_t EndOf(LiteralKind kind, std::string_view text, std::uint32_t at) {
  if (at >= text.size()) return at;
  if (kind == LiteralKind::kString) {
    if (text[at] != '\'') return at;
    const std::size_t quote = text.find('\'', at + 1);
    return quote == std::string_view::npos ? at : static_cast<std::uint32_t>(quote + 1);
  }
  const auto limit =
      static_cast<std::uint32_t>(std::min<std::size_t>(text.size(), at + kDigitsMax));
  std::uint32_t end = at;
  while (end < limit && IsByte(text[end], kDigitByte)) ++end;
  return end;
}

// Is the text after `at` the same as the example's from `from` to `to`?
bool SameBytes(std::string_view text, std::uint32_t at, std::string_view example,
               std::uint32_t from, std::uint32_t to) {
  return text.size() - at >= to - from &&
         std::memcmp(text.data() + at, example.data() + from, to - from) == 0;
}

}  // namespace

ShapeMemo::Bucket& ShapeMemo::BucketOf(std::string_view text) {
  static_assert(kBuckets == 128, "seven bits");
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  std::memcpy(&low, text.data(), sizeof low);
  std::memcpy(&high, text.data() + sizeof low, sizeof high);
  const std::uint64_t mixed = (low ^ high * 0x9e3779b97f4a7c15ULL) * 0xe7037ed1a0b428dbULL;
  return buckets_[mixed >> 57];
}

bool ShapeMemo::Matches(const Entry& entry, std::string_view text, Normalized& out) {
  std::uint32_t at = 0;    // of the text
  std::uint32_t from = 0;  // of the example
  out.literals.clear();
  for (const Literal& literal : entry.literals) {
    const bool fixed = literal.kind != LiteralKind::kInteger && literal.kind != LiteralKind::kString;
    const std::uint32_t to = fixed ? literal.end : literal.begin;
    if (!SameBytes(text, at, entry.text, from, to)) return false;
    at += to - from;
    from = literal.end;
    const std::uint32_t begin = fixed ? at - (literal.end - literal.begin) : at;
    if (!fixed) at = EndOf(literal.kind, text, begin);
    if (at == begin) return false;
    out.literals.push_back({literal.kind, begin, at, literal.token});
  }
  if (text.size() - at != entry.text.size() - from) return false;
  if (!SameBytes(text, at, entry.text, from, static_cast<std::uint32_t>(entry.text.size())))
    return false;
  out.tokens = entry.tokens;
  out.parameters_max = entry.parameters_max;
  out.statements = 1;
  out.complete = out.recalled = true;
  out.shard_key_hint = {};
  return true;
}

const std::shared_ptr<const Statement>* ShapeMemo::Find(std::string_view text,
                                                        std::uint64_t context, Normalized& out) {
  if (text.size() < kTextBytesMin || text.size() > kTextBytesMax) return nullptr;
  Bucket& bucket = BucketOf(text);
  for (std::uint32_t i = 0; i < kWays; ++i) {
    const std::uint32_t way = (bucket.last + i) % kWays;
    const Entry& entry = bucket.ways[way];
    if (entry.meaning == nullptr || entry.context != context || !Matches(entry, text, out))
      continue;
    bucket.last = way;
    return &entry.meaning;
  }
  return nullptr;
}

void ShapeMemo::Keep(std::string_view text, const Normalized& normalized, std::uint64_t context,
                     std::shared_ptr<const Statement> meaning) {
  if (text.size() < kTextBytesMin || text.size() > kTextBytesMax) return;
  if (!normalized.complete || normalized.statements != 1 || !normalized.shard_key_hint.empty() ||
      normalized.literals.size() > kLiteralsMax) {
    return;
  }
  for (const Literal& literal : normalized.literals) {
    const bool fixed = literal.kind != LiteralKind::kInteger && literal.kind != LiteralKind::kString;
    if (!fixed && !MayDiffer(text, literal)) return;
  }
  Bucket& bucket = BucketOf(text);
  bucket.last = (bucket.last + 1) % kWays;
  bucket.ways[bucket.last] = {context,
                              std::string(text),
                              normalized.literals,
                              normalized.tokens,
                              normalized.parameters_max,
                              std::move(meaning)};
}

void ShapeMemo::Clear() { buckets_.assign(kBuckets, {}); }

}  // namespace foreshard::router
