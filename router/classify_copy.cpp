#include <fmt/format.h>

#include <algorithm>

#include "router/classify_reader.h"

namespace foreshard::router {

namespace {

void Refuse(Statement& out, Refusal refusal) {
  if (out.kind == StatementKind::kRefused) return;
  out.kind = StatementKind::kRefused;
  out.refusal = std::move(refusal);
}

std::string OptionText(const Json& option) {
  const Json& arg = Field(option, "arg");
  const Json& body = BodyOf(arg);
  if (TypeOf(arg) == "String") return Text(body, "sval");
  if (TypeOf(arg) == "Integer") return Field(body, "ival").is_number_integer() ? "1" : "0";
  if (TypeOf(arg) == "Boolean") return Flag(body, "boolval") ? "true" : "false";
  return "";
}

bool IsTrue(const std::string& text) {
  return text.empty() || text == "true" || text == "on" || text == "1" || text == "match";
}

void ReadOptions(const Json& body, CopyShape& copy, Statement& out) {
  std::optional<std::string> delimiter;
  std::optional<std::string> null_text;
  std::optional<std::string> quote;
  std::optional<std::string> escape;
  for (const Json& node : Items(body, "options")) {
    const Json& option = BodyOf(node);
    const std::string name = Text(option, "defname");
    const std::string value = OptionText(option);
    if (name == "format") {
      if (value == "csv")
        copy.format = CopyShape::Format::kCsv;
      else if (value == "binary")
        copy.format = CopyShape::Format::kBinary;
      else if (value != "text")
        Refuse(out, {"22023", fmt::format("COPY format \"{}\" not recognized", value), ""});
    } else if (name == "delimiter") {
      delimiter = value;
    } else if (name == "null") {
      null_text = value;
    } else if (name == "quote") {
      quote = value;
    } else if (name == "escape") {
      escape = value;
    } else if (name == "header") {
      copy.header = IsTrue(value);
    } else if (name == "encoding") {
      std::string folded = value;
      std::transform(folded.begin(), folded.end(), folded.begin(),
                     [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
      if (folded != "utf8" && folded != "utf-8")
        Refuse(out, NotSupported("COPY with an encoding other than UTF8"));
    }
  }
  if (copy.format == CopyShape::Format::kCsv) {
    copy.delimiter = ',';
    copy.null_text = "";
  }
  for (const auto& [given, place] :
       {std::pair{&delimiter, &copy.delimiter}, std::pair{&quote, &copy.quote}}) {
    if (!*given) continue;
    if ((*given)->size() != 1)
      Refuse(out, {"0A000", "COPY delimiter and quote must be a single one-byte character", ""});
    else
      *place = (**given)[0];
  }
  copy.escape = copy.quote;
  if (escape && escape->size() == 1) copy.escape = (*escape)[0];
  if (null_text) copy.null_text = *null_text;
}

void FromStdin(const Source& source, const Json& body, const TableInfo& info, CopyShape& copy,
               Statement& out) {
  out.kind = StatementKind::kCopyIn;
  out.writes = true;
  if (info.table_class == TableClass::kReference) {
    out.writes_reference = true;
    return;
  }
  std::vector<std::string> columns;
  for (const Json& column : Items(body, "attlist")) columns.push_back(StringOf(column));
  if (columns.empty()) columns = info.columns;
  if (columns.empty()) {
    out.needs_columns_of = info.qualified();
    return Refuse(out, {"0A000", fmt::format("the columns of {} are not known", info.qualified()),
                        "name the columns in the COPY"});
  }
  const auto key = std::find(columns.begin(), columns.end(), info.column);
  if (key == columns.end()) {
    return Refuse(out, {"22004",
                        fmt::format("COPY into {} without its sharding column {}", info.qualified(),
                                    info.column),
                        "name the column and give each row its key"});
  }
  if (Items(body, "attlist").empty()) {
    out.names_columns = NameColumns(source, Field(body, "relation"), info, columns.size());
  }
  copy.columns = static_cast<std::uint32_t>(columns.size());
  copy.key_column = static_cast<std::uint32_t>(key - columns.begin());
}

}  // namespace

void ClassifyCopy(Source& source, const Json& body, Statement& out) {
  source.LookAtAll();
  if (!Text(body, "filename").empty() || Flag(body, "is_program")) {
    return Refuse(
        out, NotSupported("COPY from or to a server's file or program", "use STDIN or STDOUT"));
  }
  CopyShape copy;
  ReadOptions(body, copy, out);
  const bool from = Flag(body, "is_from");
  if (const Json& query = Field(body, "query"); !query.is_null()) {
    if (source.IsPunctuationAt(1, '(')) source.Narrow(1, source.AfterParenthesis(1));
    ClassifyQuery(source, query, out);
    if (out.kind == StatementKind::kRefused) return;
    if (out.kind != StatementKind::kRead)
      return Refuse(out, NotSupported("COPY of a statement that writes"));
    // Rows are passed on as they come, so only a plain read may come from several shards.
    const bool plain = out.merge && !out.merge->grouped && !out.merge->distinct &&
                       out.merge->sort.empty() && !out.merge->limit && !out.merge->offset;
    if (out.merge && !plain)
      out.not_mergeable =
          NotSupported("COPY of an ordered, limited or grouped read over several shards");
    out.merge.reset();
    if (plain) out.not_mergeable = {};
    out.kind = StatementKind::kCopyOut;
    out.copy = std::move(copy);
    return;
  }
  const TableInfo info = source.Find(Field(body, "relation"));
  if (info.table_class == TableClass::kUnknown) {
    return Refuse(
        out, {"0A000",
              fmt::format("table {} is neither sharded nor a reference table", info.qualified()),
              "add it to spec.sharding.tables or spec.sharding.referenceTables of the ShardSet"});
  }
  copy.qualified = info.qualified();
  copy.table_class = info.table_class;
  if (info.table_class != TableClass::kSystem) out.tables.push_back(copy.qualified);
  out.reads_sharded = info.table_class == TableClass::kSharded;
  if (out.reads_sharded) out.key_column = copy.qualified + "." + info.column;
  if (from && info.table_class == TableClass::kSystem)
    return Refuse(out, NotSupported("COPY into a system table"));
  if (out.kind == StatementKind::kRefused) return;
  if (from) {
    FromStdin(source, body, info, copy, out);
  } else {
    out.kind = StatementKind::kCopyOut;
    out.colocated = true;
  }
  out.copy = std::move(copy);
}

}  // namespace foreshard::router
