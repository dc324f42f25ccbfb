#include "router/classify_tree.h"

#include <algorithm>
#include <array>

#include "base/check.h"

namespace foreshard::router {

namespace {

const Json kNoItems = Json::array();

bool IsParenthesis(std::string_view text, const Token& token) {
  return token.kind == TokenKind::kPunctuation && text[token.begin] == '(';
}

}  // namespace

std::string_view TypeOf(const Json& node) {
  return node.is_object() && !node.empty() ? std::string_view(node.begin().key())
                                           : std::string_view();
}

const Json& BodyOf(const Json& node) {
  return node.is_object() && !node.empty() ? node.begin().value() : kNoNode;
}

const Json& Field(const Json& body, const char* name) {
  if (!body.is_object()) return kNoNode;
  const auto at = body.find(name);
  return at == body.end() ? kNoNode : *at;
}

const Json& Items(const Json& body, const char* name) {
  const Json& items = Field(body, name);
  if (items.is_array()) return items;
  return TypeOf(items) == "List" ? Items(BodyOf(items), "items") : kNoItems;
}

std::string Text(const Json& body, const char* name) {
  const Json& field = Field(body, name);
  return field.is_string() ? field.get<std::string>() : std::string();
}

bool Flag(const Json& body, const char* name) {
  const Json& field = Field(body, name);
  return field.is_boolean() && field.get<bool>();
}

int Location(const Json& body) {
  const Json& location = Field(body, "location");
  if (!body.is_object()) return -1;
  // An absent location is 0: libpg_query leaves zeros out.
  return location.is_number_integer() ? location.get<int>() : 0;
}

std::string StringOf(const Json& node) { return Text(BodyOf(node), "sval"); }

std::string LastName(const Json& names) {
  return names.is_array() && !names.empty() ? StringOf(names.back()) : "";
}

std::vector<std::string> Names(const Json& names) {
  std::vector<std::string> all;
  for (const Json& name : names) all.push_back(TypeOf(name) == "A_Star" ? "*" : StringOf(name));
  return all;
}

Json WithoutLocations(const Json& node) {
  if (node.is_array()) {
    Json copy = Json::array();
    for (const Json& item : node) copy.push_back(WithoutLocations(item));
    return copy;
  }
  if (!node.is_object()) return node;
  Json copy = Json::object();
  for (const auto& [name, value] : node.items()) {
    if (name != "location") copy[name] = WithoutLocations(value);
  }
  return copy;
}

Refusal NotSupported(std::string message, std::string hint) {
  return {"0A000", std::move(message), std::move(hint)};
}

Source::Source(std::string_view text, const Normalized& normalized, const Catalogue& catalogue,
               const std::vector<std::string>& search_path)
    : text_(text),
      normalized_(normalized),
      catalogue_(catalogue),
      search_path_(search_path),
      tokens_(Tokenize(text)) {
  std::erase_if(tokens_, [&](const Token& token) {
    return token.kind == TokenKind::kPunctuation && text[token.begin] == ';';
  });
  Narrow(0, token_count());
}

void Source::Narrow(std::uint32_t first, std::uint32_t last) {
  while (first < last && IsPunctuationAt(first, '(') && AfterParenthesis(first) == last) {
    ++first;
    --last;
  }
  first_ = first;
  last_ = last;
}

std::uint32_t Source::TokenAt(int location) const {
  const auto at = std::lower_bound(
      tokens_.begin(), tokens_.end(), location,
      [](const Token& token, int byte) { return static_cast<int>(token.begin) < byte; });
  if (at == tokens_.end() || static_cast<int>(at->begin) != location) return token_count();
  return static_cast<std::uint32_t>(at - tokens_.begin());
}

bool Source::IsWordAt(std::uint32_t token, std::string_view lower) const {
  return token < tokens_.size() && IsWord(text_, tokens_[token], lower);
}

bool Source::IsPunctuationAt(std::uint32_t token, char c) const {
  return token < tokens_.size() && tokens_[token].kind == TokenKind::kPunctuation &&
         text_[tokens_[token].begin] == c;
}

// From a sign to its number stand only minus signs and parentheses; `negative`: an odd number of
// them.
bool Source::SignsOnly(std::uint32_t begin, std::uint32_t end, bool* negative) const {
  *negative = false;
  for (const Token& token : tokens_) {
    if (token.end <= begin) continue;
    if (token.begin >= end) break;
    if (IsParenthesis(text_, token)) continue;
    if (token.kind != TokenKind::kOperator) return false;
    for (std::uint32_t i = std::max(begin, token.begin); i < token.end; ++i) {
      if (text_[i] != '-') return false;
      *negative = !*negative;
    }
  }
  return true;
}

std::optional<ValueSource> Source::LiteralAt(int location) const {
  if (location < 0 || location >= static_cast<int>(text_.size())) return std::nullopt;
  const auto begin = static_cast<std::uint32_t>(location);
  const auto at = std::lower_bound(
      normalized_.literals.begin(), normalized_.literals.end(), begin,
      [](const Literal& literal, std::uint32_t byte) { return literal.begin < byte; });
  if (at == normalized_.literals.end()) return std::nullopt;
  ValueSource source;
  source.from = ValueSource::From::kLiteral;
  source.index = static_cast<std::uint32_t>(at - normalized_.literals.begin());
  if (at->begin == begin) return source;
  // "-5" is one constant to PostgreSQL, whose place is that of the sign.
  if (text_[begin] != '-' || !SignsOnly(begin, at->begin, &source.negative)) return std::nullopt;
  return source;
}

ValueSource Source::ConstantOf(const Json& body) const {
  ValueSource source;
  if (Flag(body, "isnull")) {
    source.from = ValueSource::From::kNull;
    return source;
  }
  if (body.contains("boolval") || body.contains("bsval")) return source;
  if (const std::optional<ValueSource> literal = LiteralAt(Location(body))) {
    const LiteralKind kind = normalized_.literals[literal->index].kind;
    const bool number = kind == LiteralKind::kInteger || kind == LiteralKind::kDecimal;
    // 7.0 is compared as numeric and inserted as the whole number next to it.
    if (kind == LiteralKind::kDecimal) return source;
    // A number is no text; PostgreSQL has no `text = integer` either, and its own spelling of 05
    // is 5.
    if (number != (catalogue_.key_space().key_type == model::KeyType::kBigint) && number)
      return source;
    return *literal;
  }
  if (body.contains("sval")) {
    source.from = ValueSource::From::kConstant;
    source.constant = Text(Field(body, "sval"), "sval");
  }
  return source;
}

bool Source::CastKeepsKey(const Json& type_name, bool array) const {
  if (Items(type_name, "arrayBounds").empty() == array) return false;
  if (!Items(type_name, "typmods").empty() || Flag(type_name, "setof")) return false;
  const std::string name = LastName(Field(type_name, "names"));
  switch (catalogue_.key_space().key_type) {
    case model::KeyType::kBigint:
      return name == "int8" || name == "int4" || name == "int2" || name == "bigint";
    case model::KeyType::kText:
      return name == "text" || name == "varchar";
    case model::KeyType::kUuid:
      return name == "uuid";
  }
  Unreachable(catalogue_.key_space().key_type);
}

ValueSource Source::ValueOf(const Json& node) const {
  const std::string_view type = TypeOf(node);
  const Json& body = BodyOf(node);
  if (type == "A_Const") return ConstantOf(body);
  if (type == "SetToDefault") return {ValueSource::From::kDefault, 0, false, {}};
  if (type == "ParamRef" && Field(body, "number").is_number_integer()) {
    return {ValueSource::From::kParameter, Field(body, "number").get<std::uint32_t>(), false, {}};
  }
  if (type == "TypeCast" && CastKeepsKey(Field(body, "typeName"), false))
    return ValueOf(Field(body, "arg"));
  if (type == "CollateClause") return ValueOf(Field(body, "arg"));
  return {};
}

KeyList Source::ValuesOf(const Json& node) const {
  const std::string_view type = TypeOf(node);
  const Json& body = BodyOf(node);
  if (type == "List" || type == "A_ArrayExpr") {
    KeyList values;
    for (const Json& item : Items(body, type == "List" ? "items" : "elements"))
      values.push_back(ValueOf(item));
    return values;
  }
  if (type == "ParamRef") {
    ValueSource source = ValueOf(node);
    if (source.from == ValueSource::From::kParameter)
      source.from = ValueSource::From::kParameterArray;
    return {source};
  }
  if (type == "A_Const" && body.contains("sval")) {
    ValueSource source = ValueOf(node);
    if (source.from == ValueSource::From::kLiteral) source.from = ValueSource::From::kLiteralArray;
    return {source.from == ValueSource::From::kLiteralArray ? source : ValueSource{}};
  }
  if (type == "TypeCast" && CastKeepsKey(Field(body, "typeName"), true))
    return ValuesOf(Field(body, "arg"));
  return {ValueSource{}};
}

ValueSource Source::CountOf(const Json& node) const {
  const Json& body = BodyOf(node);
  if (TypeOf(node) == "ParamRef") return ValueOf(node);
  if (TypeOf(node) != "A_Const") return {};
  if (Flag(body, "isnull")) return {ValueSource::From::kNull, 0, false, {}};
  const std::optional<ValueSource> literal = LiteralAt(Location(body));
  if (!literal || normalized_.literals[literal->index].kind != LiteralKind::kInteger) return {};
  return *literal;
}

std::optional<std::string> Source::LookAt(int location) {
  const std::optional<ValueSource> literal = LiteralAt(location);
  if (!literal) return std::nullopt;
  looked_at_.push_back(literal->index);
  const std::string value = LiteralValue(text_, normalized_.literals[literal->index]);
  return literal->negative ? "-" + value : value;
}

void Source::LookAtAll() {
  for (std::uint32_t i = 0; i < normalized_.literals.size(); ++i) looked_at_.push_back(i);
}

std::vector<std::uint32_t> Source::TakeLookedAt() {
  std::sort(looked_at_.begin(), looked_at_.end());
  looked_at_.erase(std::unique(looked_at_.begin(), looked_at_.end()), looked_at_.end());
  return std::move(looked_at_);
}

TableInfo Source::Find(const Json& range_var) const {
  return catalogue_.Find(Text(range_var, "schemaname"), Text(range_var, "relname"), search_path_);
}

std::uint32_t Source::AfterTable(const Json& range_var) const {
  std::uint32_t at = TokenAt(Location(range_var));
  at += Text(range_var, "schemaname").empty() ? 1 : 3;
  if (!Text(range_var, "catalogname").empty()) at += 2;
  return Field(range_var, "alias").is_null() ? at : at + 2;
}

TextEdit NameColumns(const Source& source, const Json& range_var, const TableInfo& info,
                     std::size_t count) {
  std::string names;
  for (std::size_t i = 0; i < count && i < info.columns.size(); ++i) {
    names += names.empty() ? "(\"" : ", \"";
    for (const char c : info.columns[i])
      names += c == '"' ? std::string("\"\"") : std::string(1, c);
    names += '"';
  }
  return {{source.AfterTable(range_var), 0}, names + ")", std::nullopt, ""};
}

std::uint32_t Source::FindWord(std::uint32_t first, std::uint32_t last,
                               std::initializer_list<std::string_view> words) const {
  int depth = 0;
  for (std::uint32_t i = first; i < last; ++i) {
    if (IsPunctuationAt(i, '(') || IsPunctuationAt(i, '[')) ++depth;
    if (IsPunctuationAt(i, ')') || IsPunctuationAt(i, ']')) --depth;
    if (depth != 0 || tokens_[i].kind != TokenKind::kWord) continue;
    // x.limit and AS limit are names.
    if (i > 0 && (IsPunctuationAt(i - 1, '.') || IsWordAt(i - 1, "as"))) continue;
    for (const std::string_view word : words) {
      if (IsWordAt(i, word)) return i;
    }
  }
  return last;
}

std::vector<TokenSpan> Source::SplitByComma(std::uint32_t first, std::uint32_t last) const {
  std::vector<TokenSpan> items;
  int depth = 0;
  std::uint32_t begin = first;
  for (std::uint32_t i = first; i < last; ++i) {
    if (IsPunctuationAt(i, '(') || IsPunctuationAt(i, '[')) ++depth;
    if (IsPunctuationAt(i, ')') || IsPunctuationAt(i, ']')) --depth;
    if (depth != 0 || !IsPunctuationAt(i, ',')) continue;
    items.push_back({begin, i - begin});
    begin = i + 1;
  }
  items.push_back({begin, last - begin});
  return items;
}

std::uint32_t Source::AfterParenthesis(std::uint32_t open) const {
  int depth = 0;
  for (std::uint32_t i = open; i < token_count(); ++i) {
    if (IsPunctuationAt(i, '(')) ++depth;
    if (IsPunctuationAt(i, ')') && --depth == 0) return i + 1;
  }
  return token_count();
}

FunctionKind KindOfFunction(const std::string& name) {
  constexpr std::array<std::string_view, 58> kAggregates = {"array_agg",
                                                            "avg",
                                                            "bit_and",
                                                            "bit_or",
                                                            "bit_xor",
                                                            "bool_and",
                                                            "bool_or",
                                                            "corr",
                                                            "count",
                                                            "covar_pop",
                                                            "covar_samp",
                                                            "cume_dist",
                                                            "dense_rank",
                                                            "every",
                                                            "json_agg",
                                                            "json_agg_strict",
                                                            "json_object_agg",
                                                            "json_object_agg_strict",
                                                            "json_object_agg_unique",
                                                            "json_object_agg_unique_strict",
                                                            "jsonb_agg",
                                                            "jsonb_agg_strict",
                                                            "jsonb_object_agg",
                                                            "jsonb_object_agg_strict",
                                                            "jsonb_object_agg_unique",
                                                            "jsonb_object_agg_unique_strict",
                                                            "max",
                                                            "min",
                                                            "mode",
                                                            "percent_rank",
                                                            "percentile_cont",
                                                            "percentile_disc",
                                                            "range_agg",
                                                            "range_intersect_agg",
                                                            "rank",
                                                            "regr_avgx",
                                                            "regr_avgy",
                                                            "regr_count",
                                                            "regr_intercept",
                                                            "regr_r2",
                                                            "regr_slope",
                                                            "regr_sxx",
                                                            "regr_sxy",
                                                            "regr_syy",
                                                            "stddev",
                                                            "stddev_pop",
                                                            "stddev_samp",
                                                            "string_agg",
                                                            "sum",
                                                            "var_pop",
                                                            "var_samp",
                                                            "variance",
                                                            "xmlagg",
                                                            "any_value",
                                                            "json_arrayagg",
                                                            "json_objectagg",
                                                            "hypothetical_rank",
                                                            "st_union"};
  return std::find(kAggregates.begin(), kAggregates.end(), name) != kAggregates.end()
             ? FunctionKind::kAggregate
             : FunctionKind::kPlain;
}

}  // namespace foreshard::router
