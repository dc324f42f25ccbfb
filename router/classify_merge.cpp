#include <fmt/format.h>

#include <algorithm>

#include "router/classify_expressions.h"
#include "router/classify_reader.h"

// The recipe that makes one answer of several shards' answers, or the clause that forbids it.

namespace foreshard::router {

namespace {

class RecipeMaker {
 public:
  RecipeMaker(Source& source, const Json& select, bool grouped_by_key)
      : source_(source), select_(select), grouped_by_key_(grouped_by_key) {}

  void Make(Statement& out);

 private:
  void Fail(std::string clause, std::string hint = {}) {
    if (failed_) return;
    failed_ = NotSupported(fmt::format("{} over several shards", clause), std::move(hint));
  }
  bool FindClauses();
  // Where the clauses after ORDER BY begin.
  std::uint32_t FindTail(std::uint32_t first) const {
    return source_.FindWord(first, source_.last_token(), {"limit", "offset", "fetch", "for"});
  }
  void Targets();
  void AggregateTarget(std::size_t index, const Json& call);
  void Groups();
  void Sort();
  void SortItem(const Json& item, TokenSpan span);
  void Limits();
  bool SameExpression(const Json& a, const Json& b);
  std::optional<bool> MeansOutput(const Json& expr);
  std::optional<std::uint32_t> ColumnOf(const Json& expr, bool output_names);
  std::uint32_t AddHidden(TokenSpan copy, std::string before, OutputColumn column);

  Source& source_;
  const Json& select_;
  bool grouped_by_key_;
  MergeRecipe recipe_;
  std::optional<Refusal> failed_;
  std::string needs_columns_of_;
  std::vector<TokenSpan> target_spans_;
  bool star_ = false;
  std::uint32_t from_ = 0;  // token FROM
  std::uint32_t hidden_at_ = 0;
  std::uint32_t columns_ = 0;
  std::vector<TextEdit> hidden_edits_;
};

bool RecipeMaker::FindClauses() {
  const std::uint32_t end = source_.last_token();
  const std::uint32_t select = source_.FindWord(source_.first_token(), end, {"select"});
  from_ = source_.FindWord(select, end, {"from"});
  while (from_ < end && source_.IsWordAt(from_ - 1, "distinct") && from_ - 1 > select + 1) {
    from_ = source_.FindWord(from_ + 1, end, {"from"});  // IS DISTINCT FROM
  }
  if (select == end || from_ == end) return false;
  std::uint32_t first = select + 1;
  if (source_.IsWordAt(first, "all") || source_.IsWordAt(first, "distinct")) ++first;
  target_spans_ = source_.SplitByComma(first, from_);
  hidden_at_ = from_;
  return target_spans_.size() == Items(select_, "targetList").size();
}

std::uint32_t RecipeMaker::AddHidden(TokenSpan copy, std::string before, OutputColumn column) {
  hidden_edits_.push_back({{hidden_at_, 0}, ", " + before, copy, ""});
  ++recipe_.hidden;
  if (recipe_.grouped) recipe_.columns.push_back(column);
  return columns_++;
}

void RecipeMaker::AggregateTarget(std::size_t index, const Json& node) {
  const Json& call = BodyOf(node);
  const std::string name = LastName(Field(call, "funcname"));
  if (Flag(call, "agg_distinct") && name != "min" && name != "max")
    return Fail(fmt::format("{}(DISTINCT …)", name));
  if (!Items(call, "agg_order").empty() || Flag(call, "agg_within_group")) {
    return Fail(fmt::format("{}() with an order", name));
  }
  if (!InnerCall(Items(call, "args")).empty())
    return Fail(fmt::format("an aggregate inside {}()", name));
  OutputColumn& column = recipe_.columns[index];
  bool collate_c = false;
  if (OtherCollation(node, &collate_c)) return Fail(fmt::format("{}() with COLLATE", name));
  column.collate_c = collate_c;
  if (name == "count")
    column.combine = Combine::kCount;
  else if (name == "sum")
    column.combine = Combine::kSum;
  else if (name == "min")
    column.combine = Combine::kMin;
  else if (name == "max")
    column.combine = Combine::kMax;
  else if (name == "bool_and" || name == "every")
    column.combine = Combine::kAnd;
  else if (name == "bool_or")
    column.combine = Combine::kOr;
  else if (name == "avg")
    column.combine = Combine::kAverage;
  else
    return Fail(fmt::format("{}()", name),
                "read the rows, or compare the sharding column with a value");
  if (name != "avg") return;
  const TokenSpan span = target_spans_[index];
  const Json& target = BodyOf(Items(select_, "targetList")[index]);
  if (!source_.IsWordAt(span.first, "avg")) return Fail("avg() written in this way");
  const std::uint32_t rest = source_.AfterParenthesis(span.first + 1);
  std::uint32_t call_end = rest;
  if (source_.IsWordAt(rest, "filter")) call_end = source_.AfterParenthesis(rest + 1);
  recipe_.edits.push_back({{span.first, 1}, "sum", std::nullopt, ""});
  if (Text(target, "name").empty())
    recipe_.edits.push_back({{call_end, 0}, " AS avg ", std::nullopt, ""});
}

void RecipeMaker::Targets() {
  const Json& targets = Items(select_, "targetList");
  columns_ = static_cast<std::uint32_t>(targets.size());
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const Json& value = Field(BodyOf(targets[i]), "val");
    if (TypeOf(value) == "ColumnRef" && Names(Field(BodyOf(value), "fields")).back() == "*")
      star_ = true;
    const std::string inner = InnerCall(value);
    if (inner.starts_with("the window")) Fail(inner);
    if (inner.empty() || grouped_by_key_) continue;
    if (!IsAggregateCall(value))
      Fail(fmt::format("an expression over {}", inner), "select the aggregate itself");
    recipe_.grouped = true;
  }
  if (!grouped_by_key_ && !Items(select_, "groupClause").empty()) recipe_.grouped = true;
  if (!grouped_by_key_ && !Field(select_, "havingClause").is_null()) Fail("HAVING");
  if (failed_ || !recipe_.grouped) return;
  if (recipe_.distinct) return Fail("SELECT DISTINCT with aggregates or GROUP BY");
  if (star_) return Fail("SELECT * with GROUP BY");
  recipe_.columns.resize(targets.size());
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const Json& value = Field(BodyOf(targets[i]), "val");
    if (IsAggregateCall(value)) AggregateTarget(i, value);
  }
  // Counts that belong to averages, after all visible columns.
  for (std::uint32_t i = 0; i < targets.size() && !failed_; ++i) {
    if (recipe_.columns[i].combine != Combine::kAverage) continue;
    const std::uint32_t open = target_spans_[i].first + 1;
    std::uint32_t end = source_.AfterParenthesis(open);
    if (source_.IsWordAt(end, "filter")) end = source_.AfterParenthesis(end + 1);
    recipe_.columns[i].partner = columns_;
    OutputColumn count;
    count.combine = Combine::kCount;
    AddHidden({open, end - open}, "count", count);
  }
}

// Equal but for literals, whose values are looked at in the text: the tree loses negative ones.
bool RecipeMaker::SameExpression(const Json& a, const Json& b) {
  std::vector<int> places[2];
  Json shapes[2];
  int side = 0;
  for (const Json* expr : {&a, &b}) {
    WalkTree(*expr, [&](std::string_view type, const Json& body) {
      if (type == "A_Const" && !body.contains("boolval") && !Flag(body, "isnull"))
        places[side].push_back(Location(body));
      return true;
    });
    shapes[side] = WithoutLocations(*expr);
    DropConstants(shapes[side]);
    ++side;
  }
  if (shapes[0] != shapes[1] || places[0].size() != places[1].size()) return false;
  bool same = true;
  for (std::size_t i = 0; i < places[0].size(); ++i) {
    const std::optional<std::string> x = source_.LookAt(places[0][i]);
    const std::optional<std::string> y = source_.LookAt(places[1][i]);
    same = same && x.has_value() && x == y;
  }
  return same;
}

// Which output column an expression of ORDER BY or GROUP BY is.
std::optional<std::uint32_t> RecipeMaker::ColumnOf(const Json& expr, bool output_names) {
  const Json& targets = Items(select_, "targetList");
  const std::vector<std::string> names = TypeOf(expr) == "ColumnRef"
                                             ? Names(Field(BodyOf(expr), "fields"))
                                             : std::vector<std::string>();
  for (std::uint32_t i = 0; i < targets.size(); ++i) {
    const Json& target = BodyOf(targets[i]);
    const Json& value = Field(target, "val");
    std::string name = Text(target, "name");
    if (name.empty() && TypeOf(value) == "ColumnRef")
      name = Names(Field(BodyOf(value), "fields")).back();
    if (name.empty() && TypeOf(value) == "FuncCall")
      name = LastName(Field(BodyOf(value), "funcname"));
    if (output_names && names.size() == 1 && names[0] == name) return i;
  }
  for (std::uint32_t i = 0; i < targets.size(); ++i) {
    if (SameExpression(Field(BodyOf(targets[i]), "val"), expr)) return i;
  }
  return std::nullopt;
}

// In GROUP BY a bare name is a column of the tables first and an output name second (in ORDER BY it
// is the other way round). Nothing: the statement failed, or must wait until the columns were
// learned.
std::optional<bool> RecipeMaker::MeansOutput(const Json& expr) {
  const std::vector<std::string> names = TypeOf(expr) == "ColumnRef"
                                             ? Names(Field(BodyOf(expr), "fields"))
                                             : std::vector<std::string>();
  if (names.size() != 1) return false;
  bool is_alias = false;
  for (const Json& target : Items(select_, "targetList")) {
    if (Text(BodyOf(target), "name") != names[0]) continue;
    const Json& value = Field(BodyOf(target), "val");
    is_alias = is_alias || TypeOf(value) != "ColumnRef" ||
               Names(Field(BodyOf(value), "fields")).back() != names[0];
  }
  if (!is_alias) return true;
  for (const TableInfo& info : TablesOf(source_, Field(select_, "fromClause"))) {
    if (std::find(info.columns.begin(), info.columns.end(), names[0]) != info.columns.end())
      return false;
    if (!info.columns.empty()) continue;
    Fail(fmt::format("GROUP BY {}, which may be a column or the output's name,", names[0]),
         "use its position");
    if (info.table_class == TableClass::kSharded) needs_columns_of_ = info.qualified();
    return std::nullopt;
  }
  return true;
}

void RecipeMaker::Groups() {
  const Json& groups = Items(select_, "groupClause");
  if (!recipe_.grouped) return;
  const Json& targets = Items(select_, "targetList");
  std::vector<bool> is_grouped(targets.size(), false);
  const std::uint32_t end = source_.last_token();
  const std::uint32_t group = source_.FindWord(from_, end, {"group"});
  std::vector<TokenSpan> spans;
  if (group < end) {
    std::uint32_t first = group + 2;
    if (source_.IsWordAt(first, "all")) ++first;
    const std::uint32_t last = source_.FindWord(
        first, end, {"having", "window", "order", "limit", "offset", "fetch", "for"});
    spans = source_.SplitByComma(first, last);
  }
  if (spans.size() != groups.size()) return Fail("GROUP BY written in this way");
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (TypeOf(groups[i]) == "GroupingSet" || TypeOf(groups[i]) == "RowExpr")
      return Fail("GROUP BY with sets");
    if (TypeOf(groups[i]) == "A_Const") {
      const std::optional<std::string> position = source_.LookAt(Location(BodyOf(groups[i])));
      const std::size_t index = position ? std::strtoul(position->c_str(), nullptr, 10) : 0;
      if (index == 0 || index > targets.size()) return Fail("GROUP BY of a constant");
      is_grouped[index - 1] = true;
      continue;
    }
    const std::optional<bool> is_output = MeansOutput(groups[i]);
    if (!is_output) return;
    if (const std::optional<std::uint32_t> column = ColumnOf(groups[i], *is_output)) {
      is_grouped[*column] = true;
    } else {
      AddHidden(spans[i], "", {});
    }
  }
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const Json& value = Field(BodyOf(targets[i]), "val");
    if (recipe_.columns[i].combine != Combine::kKeep || is_grouped[i] || TypeOf(value) == "A_Const")
      continue;
    return Fail(fmt::format("column {} of a grouped read, which is not in GROUP BY,", i + 1));
  }
}

void RecipeMaker::SortItem(const Json& item, TokenSpan span) {
  const Json& sort = BodyOf(item);
  const Json& node = Field(sort, "node");
  SortKey key;
  if (!Items(sort, "useOp").empty()) return Fail("ORDER BY … USING");
  key.descending = Text(sort, "sortby_dir") == "SORTBY_DESC";
  const std::string nulls = Text(sort, "sortby_nulls");
  key.nulls_first =
      nulls == "SORTBY_NULLS_FIRST" || (nulls != "SORTBY_NULLS_LAST" && key.descending);
  if (const std::optional<std::string> other = OtherCollation(node, &key.collate_c)) {
    return Fail(fmt::format("ORDER BY … COLLATE \"{}\"", *other), "use COLLATE \"C\"");
  }
  const Json& bare = TypeOf(node) == "CollateClause" ? Field(BodyOf(node), "arg") : node;
  std::optional<std::uint32_t> column;
  if (TypeOf(bare) == "A_Const") {
    const std::optional<std::string> position = source_.LookAt(Location(BodyOf(bare)));
    const std::size_t index = position ? std::strtoul(position->c_str(), nullptr, 10) : 0;
    if (index == 0 || index > Items(select_, "targetList").size() || star_)
      return Fail("ORDER BY of a position");
    column = static_cast<std::uint32_t>(index - 1);
  } else if (!star_) {
    column = ColumnOf(bare, true);
  }
  if (const std::string inner = InnerCall(bare); inner.starts_with("the window"))
    return Fail("ORDER BY of " + inner);
  if (!column && recipe_.distinct)
    return Fail("SELECT DISTINCT with ORDER BY of what is not selected");
  if (!column && !grouped_by_key_ && !InnerCall(bare).empty())
    return Fail("ORDER BY of an aggregate that is not selected");
  if (!column && recipe_.grouped) return Fail("ORDER BY of what a grouped read does not select");
  if (!column) {
    // The expression without its direction, selected beside the client's columns.
    const std::uint32_t last =
        source_.FindWord(span.first, span.first + span.count, {"asc", "desc", "nulls"});
    AddHidden({span.first, last - span.first}, "", {});
    key.hidden = true;
    column = recipe_.hidden - 1;
  }
  key.column = *column;
  recipe_.sort.push_back(key);
}

void RecipeMaker::Sort() {
  const Json& items = Items(select_, "sortClause");
  if (items.empty()) return;
  const std::uint32_t end = source_.last_token();
  const std::uint32_t order = source_.FindWord(from_, end, {"order"});
  if (order == end) return Fail("ORDER BY written in this way");
  const std::uint32_t last = FindTail(order + 2);
  const std::vector<TokenSpan> spans = source_.SplitByComma(order + 2, last);
  if (spans.size() != items.size()) return Fail("ORDER BY written in this way");
  for (std::size_t i = 0; i < items.size(); ++i) SortItem(items[i], spans[i]);
}

void RecipeMaker::Limits() {
  const std::uint32_t end = source_.last_token();
  recipe_.limit_at = FindTail(from_);
  const Json& limit = Field(select_, "limitCount");
  const Json& offset = Field(select_, "limitOffset");
  if (limit.is_null() && offset.is_null()) return;
  // Each shard would lock as many rows as all of them together may give.
  if (!Items(select_, "lockingClause").empty()) return Fail("LIMIT with FOR UPDATE or FOR SHARE");
  if (Text(select_, "limitOption") == "LIMIT_OPTION_WITH_TIES") return Fail("FETCH … WITH TIES");
  const auto count = [&](const Json& node, const char* clause) -> std::optional<ValueSource> {
    if (node.is_null()) return std::nullopt;
    const ValueSource value = source_.CountOf(node);
    if (value.from == ValueSource::From::kUnknown) {
      // FETCH FIRST ROW ONLY has no literal; anything else is an expression.
      Fail(fmt::format("{} of an expression", clause));
    }
    return value;
  };
  recipe_.limit = count(limit, "LIMIT");
  recipe_.offset = count(offset, "OFFSET");
  for (std::uint32_t at = recipe_.limit_at; at < end;) {
    if (source_.IsWordAt(at, "for")) break;
    const std::uint32_t next = FindTail(at + 1);
    recipe_.limits.push_back({at, next - at});
    at = next;
  }
}

void RecipeMaker::Make(Statement& out) {
  if (Text(select_, "op") != "SETOP_NONE") Fail("UNION, INTERSECT or EXCEPT");
  const Json& distinct = Items(select_, "distinctClause");
  recipe_.distinct = !distinct.empty();
  for (const Json& expr : distinct) {
    if (!BodyOf(expr).is_null() || !TypeOf(expr).empty()) Fail("DISTINCT ON");
  }
  if (!failed_ && !FindClauses()) Fail("a SELECT written in this way");
  if (const std::string name = OuterAggregate(Field(select_, "targetList")); !name.empty()) {
    Fail(fmt::format("{} inside a sub-select, of columns outside of it,", name));
  }
  if (!failed_) Targets();
  if (!failed_) Groups();
  if (!failed_) Sort();
  if (!failed_) Limits();
  if (failed_) {
    out.not_mergeable = *failed_;
    if (needs_columns_of_.empty()) return;
    out.kind = StatementKind::kRefused;
    out.refusal = *failed_;
    out.needs_columns_of = needs_columns_of_;
    return;
  }
  recipe_.edits.insert(recipe_.edits.end(), hidden_edits_.begin(), hidden_edits_.end());
  out.merge = std::move(recipe_);
}

}  // namespace

void MakeRecipe(Source& source, const Json& select, bool grouped_by_key, Statement& out) {
  RecipeMaker(source, select, grouped_by_key).Make(out);
}

}  // namespace foreshard::router
