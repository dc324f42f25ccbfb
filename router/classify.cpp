#include "router/classify.h"

#include <pg_query.h>

#include <algorithm>
#include <memory>

#include "base/check.h"
#include "router/classify_schema.h"
#include "router/classify_tree.h"
#include "router/lexer.h"

namespace foreshard::router {

namespace {

// Blanks instead of comments, each token in its place: libpg_query 15-4.0.0 does not see through a
// comment where its grammar looks one word ahead (NULLS /* x */ LAST, NOT /* x */ IN) and calls
// that a syntax error.
std::string WithoutComments(std::string_view text) {
  std::string out(text.size(), ' ');
  Lexer lexer(text);
  Token token{};
  while (lexer.Next(token)) out.replace(token.begin, token.end - token.begin, TextOf(text, token));
  return lexer.complete() ? out : std::string(text);
}

// libpg_query counts in bytes of the text it was given, from 1; the message alone is what a client
// would see.
Statement SyntaxError(const PgQueryError& error) {
  Statement refused;
  refused.kind = StatementKind::kRefused;
  refused.refusal = {"42601", error.message != nullptr ? error.message : "syntax error", ""};
  return refused;
}

Statement FromTree(std::string_view text, const Normalized& normalized, const Catalogue& catalogue,
                   const std::vector<std::string>& search_path, const Json& tree) {
  Statement out;
  const Json& statements = Items(tree, "stmts");
  if (statements.empty()) return out;
  if (statements.size() > 1) {
    out.kind = StatementKind::kRefused;
    out.refusal = NotSupported("several statements in one Parse", "send them one by one");
    return out;
  }
  const Json& node = Field(statements[0], "stmt");
  const std::string_view type = TypeOf(node);
  // With our schema in the path its names need no schema before them. The path itself can be
  // changed, and a transaction ended.
  const bool in_path =
      std::find(search_path.begin(), search_path.end(), kOwnSchema) != search_path.end() &&
      type != "VariableSetStmt" && type != "TransactionStmt";
  if (in_path || NamesOwnSchema(node)) {
    out.kind = StatementKind::kRefused;
    out.refusal = OwnSchemaRefusal();
    return out;
  }
  Source source(text, normalized, catalogue, search_path);
  if (type == "SelectStmt" && ClassifySetConfig(source, BodyOf(node), out)) {
    // It is all said.
  } else if (type == "SelectStmt" || type == "InsertStmt" || type == "UpdateStmt" ||
             type == "DeleteStmt") {
    ClassifyQuery(source, node, out);
  } else {
    ClassifyUtility(source, node, out);
  }
  out.looked_at = source.TakeLookedAt();
  return out;
}

}  // namespace

Statement Classify(std::string_view text, const Normalized& normalized, const Catalogue& catalogue,
                   const std::vector<std::string>& search_path) {
  const std::string terminated = WithoutComments(text);
  const auto free_result = [](PgQueryParseResult* result) { pg_query_free_parse_result(*result); };
  PgQueryParseResult result = pg_query_parse(terminated.c_str());
  const std::unique_ptr<PgQueryParseResult, decltype(free_result)> owner(&result, free_result);
  if (result.error != nullptr) return SyntaxError(*result.error);
  const Json tree = Json::parse(result.parse_tree, nullptr, false);
  if (tree.is_discarded()) {
    Statement refused;
    refused.kind = StatementKind::kRefused;
    refused.refusal = NotSupported("a statement whose parse tree cannot be read");
    return refused;
  }
  return FromTree(text, normalized, catalogue, search_path, tree);
}

}  // namespace foreshard::router
