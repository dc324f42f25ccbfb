#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "router/catalogue.h"
#include "router/lexer.h"
#include "router/normalize.h"
#include "router/statement.h"

// Private to classify*.cpp: reading PostgreSQL's parse tree, and turning its byte offsets into
// numbers of tokens and literals.
//
// libpg_query 15-4.0.0 drops negative integers from its JSON ("ival":{}), so the value of a number
// is never taken from the tree: it comes from the text, by its place.

namespace foreshard::router {

using Json = nlohmann::json;

inline const Json kNoNode = nullptr;

// A node is an object with one member named after its type: {"ColumnRef": {…}}.
std::string_view TypeOf(const Json& node);
const Json& BodyOf(const Json& node);                   // the {…}; kNoNode for none
const Json& Field(const Json& body, const char* name);  // kNoNode if absent
const Json& Items(const Json& body, const char* name);  // a list; empty if absent
std::string Text(const Json& body, const char* name);   // "" if absent
bool Flag(const Json& body, const char* name);
int Location(const Json& body);           // -1 if absent
std::string StringOf(const Json& node);   // of {"String":{"sval":…}}
std::string LastName(const Json& names);  // of a list of Strings; lower case as PostgreSQL has it
std::vector<std::string> Names(const Json& names);
Json WithoutLocations(const Json& node);  // to compare expressions

// One statement while it is read.
class Source {
 public:
  Source(std::string_view text, const Normalized& normalized, const Catalogue& catalogue,
         const std::vector<std::string>& search_path);

  std::string_view text() const { return text_; }
  const std::vector<Token>& tokens() const { return tokens_; }
  const Catalogue& catalogue() const { return catalogue_; }
  const std::vector<std::string>& search_path() const { return search_path_; }
  std::uint32_t token_count() const { return static_cast<std::uint32_t>(tokens_.size()); }

  // The tokens of the query itself: COPY ( … ) TO narrows them to what is inside, and so does a
  // query in parentheses.
  std::uint32_t first_token() const { return first_; }
  std::uint32_t last_token() const { return last_; }
  void Narrow(std::uint32_t first, std::uint32_t last);

  // The token that begins at this byte; token_count() if none does.
  std::uint32_t TokenAt(int location) const;
  bool IsWordAt(std::uint32_t token, std::string_view lower) const;
  bool IsPunctuationAt(std::uint32_t token, char c) const;

  // Where the value of this expression comes from, as a key of the catalogue's type. Casts that
  // cannot change such a key are looked through.
  ValueSource ValueOf(const Json& node) const;
  // The elements of what stands right of IN or in ANY().
  KeyList ValuesOf(const Json& node) const;

  // A plain number without casts, for LIMIT; kUnknown for anything else.
  ValueSource CountOf(const Json& node) const;

  // The literal at this place, its value noted as one that decided something.
  std::optional<std::string> LookAt(int location);
  void LookAtAll();
  std::vector<std::uint32_t> TakeLookedAt();

  TableInfo Find(const Json& range_var) const;
  // The token after a table's name and alias.
  std::uint32_t AfterTable(const Json& range_var) const;

  // From `first` at depth 0 (parentheses and brackets) up to `last`: the first token that is one of
  // these words.
  std::uint32_t FindWord(std::uint32_t first, std::uint32_t last,
                         std::initializer_list<std::string_view> words) const;
  // The items of a comma-separated list in [first, last).
  std::vector<TokenSpan> SplitByComma(std::uint32_t first, std::uint32_t last) const;
  // The token after the parenthesis that `open` opens.
  std::uint32_t AfterParenthesis(std::uint32_t open) const;

 private:
  std::optional<ValueSource> LiteralAt(int location) const;
  bool SignsOnly(std::uint32_t begin, std::uint32_t end, bool* negative) const;
  ValueSource ConstantOf(const Json& body) const;
  bool CastKeepsKey(const Json& type_name, bool array) const;

  std::string_view text_;
  const Normalized& normalized_;
  const Catalogue& catalogue_;
  const std::vector<std::string>& search_path_;
  std::vector<Token> tokens_;
  std::uint32_t first_ = 0;
  std::uint32_t last_ = 0;
  std::vector<std::uint32_t> looked_at_;
};

// " (a, b)" after the table's name: the first `count` of its columns.
TextEdit NameColumns(const Source& source, const Json& range_var, const TableInfo& info,
                     std::size_t count);

// The refusals everyone uses. 0A000: not supported.
Refusal NotSupported(std::string message, std::string hint = {});

// classify_query.cpp. `node` is SelectStmt, InsertStmt, UpdateStmt or DeleteStmt.
void ClassifyQuery(Source& source, const Json& node, Statement& out);
// classify_config.cpp. False: not a SELECT of set_config() that can be followed.
bool ClassifySetConfig(Source& source, const Json& select, Statement& out);
// classify_utility.cpp: everything else.
void ClassifyUtility(Source& source, const Json& node, Statement& out);
// classify_session.cpp: transactions, SET, prepared statements, cursors. False: not one of these.
bool ClassifySession(Source& source, const Json& node, Statement& out);
// classify_copy.cpp
void ClassifyCopy(Source& source, const Json& body, Statement& out);
// classify_merge.cpp: fills out.merge or out.not_mergeable. `grouped_by_key`: GROUP BY, DISTINCT or
// PARTITION BY names the sharding column, so no group spans shards.
void MakeRecipe(Source& source, const Json& select, bool grouped_by_key, Statement& out);

enum class FunctionKind { kPlain, kAggregate };
FunctionKind KindOfFunction(const std::string& name);

}  // namespace foreshard::router
