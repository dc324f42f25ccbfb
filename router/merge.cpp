#include "router/merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <unordered_set>

#include "base/check.h"
#include "router/merge_groups.h"
#include "router/merge_value.h"
#include "router/merge_wire.h"

namespace foreshard::router {

namespace {

constexpr std::size_t kQueuedBytesPerShard = std::size_t{256} << 10;  // enough to keep a shard busy

Error NotExact(std::string what) { return Error::GiveUp(std::move(what), "", "0A000"); }

std::uint64_t CountOfTag(std::string_view tag) {
  const std::size_t space = tag.rfind(' ');
  std::uint64_t count = 0;
  if (space != std::string_view::npos)
    std::from_chars(tag.data() + space + 1, tag.data() + tag.size(), count);
  return count;
}

}  // namespace

class Merger::Body {
 public:
  Body(const MergeRecipe* recipe, MergeOptions options)
      : recipe_(recipe),
        options_(std::move(options)),
        shards_(options_.shards),
        skip_(options_.offset) {}

  Status RowDescription(std::size_t shard, std::string_view body);
  Status DataRow(std::size_t shard, std::string_view body);
  Status Done(std::size_t shard, std::string_view tag);
  Status Take(std::string& out);
  bool finished() const { return described_ && (LimitReached() || (AllDone() && QueuesEmpty())); }
  std::string CommandTag() const;
  std::uint64_t rows() const { return emitted_; }
  std::size_t queued_bytes() const { return queued_bytes_ + kept_bytes_; }
  bool wants(std::size_t shard) const {
    return !LimitReached() && shards_[shard].bytes < kQueuedBytesPerShard;
  }

 private:
  struct Row {
    std::string body;
    std::vector<Value> keys;
  };
  struct Shard {
    std::deque<Row> rows;
    std::size_t bytes = 0;
    bool described = false;
    bool done = false;
    std::string tag;
  };

  bool grouped() const { return recipe_ != nullptr && recipe_->grouped; }
  bool sorted() const { return recipe_ != nullptr && !recipe_->sort.empty(); }
  bool LimitReached() const {
    return options_.limit && emitted_ >= static_cast<std::uint64_t>(*options_.limit);
  }
  bool AllDone() const {
    return std::all_of(shards_.begin(), shards_.end(),
                       [](const Shard& shard) { return shard.done; });
  }
  bool QueuesEmpty() const {
    return ready_.empty() && std::all_of(shards_.begin(), shards_.end(),
                                         [](const Shard& shard) { return shard.rows.empty(); });
  }
  std::size_t visible() const {
    return fields_.size() - (recipe_ == nullptr ? 0 : recipe_->hidden);
  }
  ColumnType TypeOfColumn(std::size_t column) const {
    return {fields_[column].type_oid, static_cast<int>(fields_[column].format)};
  }

  Status CheckTypes() const;
  Status CheckSort() const;
  Status CheckGroups() const;
  Result<std::vector<Value>> SortKeysOf(const std::vector<Cell>& cells) const;
  bool Before(const Row& a, const Row& b) const;
  Result<bool> IsNew(const std::vector<Cell>& cells);
  Status FinishGroups();
  void Emit(const Row& row, std::string& out);

  const MergeRecipe* recipe_;
  MergeOptions options_;
  std::vector<Shard> shards_;
  std::vector<FieldDescription> fields_;
  bool described_ = false;  // the client has its RowDescription
  std::optional<Groups> groups_;
  std::deque<Row> ready_;  // of groups, in order
  std::unordered_set<std::string> distinct_;
  std::int64_t skip_;
  std::uint64_t emitted_ = 0;
  std::size_t queued_bytes_ = 0;
  std::size_t kept_bytes_ = 0;  // groups and distinct rows
};

Status Merger::Body::RowDescription(std::size_t shard, std::string_view body) {
  Result<std::vector<FieldDescription>> fields = ReadRowDescription(body);
  if (!fields) return fields.error();
  shards_[shard].described = true;
  if (!fields_.empty()) {
    const bool same = std::equal(fields->begin(), fields->end(), fields_.begin(), fields_.end(),
                                 [](const FieldDescription& a, const FieldDescription& b) {
                                   return a.name == b.name && a.type_oid == b.type_oid;
                                 });
    return same ? Ok() : Status(NotExact("shards answer with different columns"));
  }
  fields_ = std::move(*fields);
  const std::vector<std::int16_t>& formats = options_.formats;
  for (std::size_t i = 0; i < fields_.size() && !formats.empty(); ++i) {
    fields_[i].format = formats.size() == 1  ? formats[0]
                        : i < formats.size() ? formats[i]
                                             : std::int16_t{0};
  }
  if (recipe_ == nullptr) return Ok();
  if (fields_.size() < recipe_->hidden ||
      (grouped() && fields_.size() != recipe_->columns.size())) {
    return NotExact("a shard answers with other columns than the statement names");
  }
  const Status checked = CheckTypes();
  if (!checked) return checked;
  if (grouped()) {
    std::vector<ColumnType> types;
    for (std::size_t i = 0; i < fields_.size(); ++i) types.push_back(TypeOfColumn(i));
    groups_.emplace(recipe_->columns, std::move(types));
  }
  return Ok();
}

Status Merger::Body::CheckTypes() const {
  if (const Status sort = CheckSort(); !sort) return sort;
  if (grouped()) return CheckGroups();
  for (std::size_t i = 0; recipe_->distinct && i < visible(); ++i) {
    if (!IsComparable(fields_[i].type_oid)) {
      return NotExact(fmt::format(
          "DISTINCT of column {} over several shards: its type is not known to the router",
          fields_[i].name));
    }
  }
  return Ok();
}

Status Merger::Body::CheckSort() const {
  for (const SortKey& key : recipe_->sort) {
    if (key.column >= fields_.size()) return NotExact("ORDER BY of a column that is not there");
    const FieldDescription& field = fields_[key.column];
    if (!IsComparable(field.type_oid)) {
      return NotExact(fmt::format(
          "ORDER BY {} over several shards: the order of its type is not known to the router",
          field.name));
    }
    if (IsCollatable(field.type_oid) && !key.collate_c && !options_.text_orders_as_bytes) {
      return NotExact(fmt::format(
          "ORDER BY {} over several shards: write COLLATE \"C\", other collations order text in "
          "ways the router does not know",
          field.name));
    }
  }
  return Ok();
}

Status Merger::Body::CheckGroups() const {
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    const FieldDescription& field = fields_[i];
    const OutputColumn& column = recipe_->columns[i];
    const std::uint32_t oid = field.type_oid;
    const bool integer = oid == kOidInt8 || oid == kOidInt4 || oid == kOidInt2;
    switch (column.combine) {
      case Combine::kKeep:
        if (IsComparable(oid)) break;
        return NotExact(fmt::format(
            "GROUP BY {} over several shards: its type is not known to the router", field.name));
      case Combine::kCount:
        if (integer) break;
        return NotExact("count() over several shards of an unexpected type");
      case Combine::kSum:
      case Combine::kAverage:
        if (integer || oid == kOidNumeric) break;
        return NotExact(
            fmt::format("{}() over several shards is exact for whole numbers and numeric only",
                        column.combine == Combine::kSum ? "sum" : "avg"));
      case Combine::kMin:
      case Combine::kMax:
        if (IsCollatable(oid) && !column.collate_c && !options_.text_orders_as_bytes) {
          return NotExact("min() or max() of text over several shards: write COLLATE \"C\"");
        }
        if (IsComparable(oid)) break;
        return NotExact(
            "min() or max() over several shards of a type that the router does not know");
      case Combine::kAnd:
      case Combine::kOr:
        if (oid == kOidBool) break;
        return NotExact("bool_and() or bool_or() of an unexpected type");
    }
  }
  return Ok();
}

Result<std::vector<Value>> Merger::Body::SortKeysOf(const std::vector<Cell>& cells) const {
  std::vector<Value> keys;
  for (const SortKey& key : recipe_->sort) {
    const Cell& cell = cells[key.column];
    if (!cell) {
      keys.emplace_back();
      continue;
    }
    const ColumnType type = TypeOfColumn(key.column);
    Result<Value> value = DecodeValue(type.oid, type.format, *cell);
    if (!value) return value.error();
    keys.push_back(std::move(*value));
  }
  return keys;
}

bool Merger::Body::Before(const Row& a, const Row& b) const {
  for (std::size_t i = 0; i < recipe_->sort.size(); ++i) {
    const SortKey& key = recipe_->sort[i];
    const bool a_null = std::holds_alternative<std::monostate>(a.keys[i]);
    const bool b_null = std::holds_alternative<std::monostate>(b.keys[i]);
    if (a_null && b_null) continue;
    if (a_null || b_null) return a_null == key.nulls_first;
    const int order = CompareValues(a.keys[i], b.keys[i]);
    if (order != 0) return key.descending ? order > 0 : order < 0;
  }
  return false;
}

Status Merger::Body::DataRow(std::size_t shard, std::string_view body) {
  if (recipe_ == nullptr) {
    queued_bytes_ += body.size();
    shards_[shard].bytes += body.size();
    shards_[shard].rows.push_back({std::string(body), {}});
    return Ok();
  }
  if (fields_.empty()) return Error::GiveUp("a row before its description", "", "08P01");
  const Result<std::vector<Cell>> cells = ReadDataRow(body);
  if (!cells) return cells.error();
  if (cells->size() != fields_.size())
    return Error::GiveUp("a row with other columns than described", "", "08P01");
  if (queued_bytes() + body.size() > options_.bytes_max) {
    return Error::GiveUp("the answer over several shards needs more memory than the router allows",
                         "", "54000");
  }
  if (grouped()) {
    const Status added = groups_->Add(*cells);
    kept_bytes_ = groups_->bytes();
    return added;
  }
  Row row;
  if (sorted()) {
    Result<std::vector<Value>> keys = SortKeysOf(*cells);
    if (!keys) return keys.error();
    row.keys = std::move(*keys);
  }
  if (recipe_->distinct) {
    const Result<bool> is_new = IsNew(*cells);
    if (!is_new) return is_new.error();
    if (!*is_new) return Ok();
  }
  row.body = recipe_->hidden > 0 ? CutDataRow(body, visible()) : std::string(body);
  queued_bytes_ += row.body.size();
  shards_[shard].bytes += row.body.size();
  shards_[shard].rows.push_back(std::move(row));
  return Ok();
}

Result<bool> Merger::Body::IsNew(const std::vector<Cell>& cells) {
  std::string canonical;
  for (std::size_t i = 0; i < visible(); ++i) {
    Value value;
    if (cells[i]) {
      const ColumnType type = TypeOfColumn(i);
      Result<Value> decoded = DecodeValue(type.oid, type.format, *cells[i]);
      if (!decoded) return decoded.error();
      value = std::move(*decoded);
    }
    AppendCanonical(value, canonical);
  }
  const std::size_t size = canonical.size() + 64;
  if (!distinct_.insert(std::move(canonical)).second) return false;
  kept_bytes_ += size;
  return true;
}

Status Merger::Body::Done(std::size_t shard, std::string_view tag) {
  shards_[shard].done = true;
  shards_[shard].tag = tag;
  return grouped() && AllDone() ? FinishGroups() : Ok();
}

Status Merger::Body::FinishGroups() {
  if (!groups_) return Ok();
  const auto rows = groups_->Rows();
  if (!rows) return rows.error();
  for (const std::vector<std::optional<std::string>>& cells : *rows) {
    Row row;
    row.body = WriteDataRow(cells, visible());
    for (const SortKey& key : recipe_->sort) {
      Value value;
      if (const std::optional<std::string>& cell = cells[key.column]; cell) {
        ColumnType type = TypeOfColumn(key.column);
        if (recipe_->columns[key.column].combine == Combine::kAverage) type.oid = kOidNumeric;
        Result<Value> decoded = DecodeValue(type.oid, type.format, *cell);
        if (!decoded) return decoded.error();
        value = std::move(*decoded);
      }
      row.keys.push_back(std::move(value));
    }
    ready_.push_back(std::move(row));
  }
  std::stable_sort(ready_.begin(), ready_.end(),
                   [this](const Row& a, const Row& b) { return Before(a, b); });
  groups_.reset();
  return Ok();
}

void Merger::Body::Emit(const Row& row, std::string& out) {
  if (skip_ > 0) {
    --skip_;
    return;
  }
  AppendMessage('D', row.body, out);
  ++emitted_;
}

Status Merger::Body::Take(std::string& out) {
  if (!described_ && !fields_.empty()) {
    described_ = true;
    if (options_.send_row_description) {
      std::vector<FieldDescription> fields = fields_;
      fields.resize(visible());
      for (std::size_t i = 0; grouped() && i < fields.size(); ++i) {
        if (recipe_->columns[i].combine != Combine::kAverage) continue;
        fields[i].type_oid = kOidNumeric;
        fields[i].type_size = -1;
        fields[i].type_modifier = -1;
      }
      AppendMessage('T', WriteRowDescription(fields), out);
    }
  }
  if (!described_ && recipe_ == nullptr && AllDone())
    described_ = true;  // writes without RETURNING
  while (!ready_.empty() && !LimitReached()) {
    Emit(ready_.front(), out);
    ready_.pop_front();
  }
  while (!LimitReached()) {
    Shard* next = nullptr;
    for (Shard& shard : shards_) {
      if (shard.rows.empty()) {
        if (sorted() && !shard.done) return Ok();  // its next row may come first
        continue;
      }
      if (next == nullptr || (sorted() && Before(shard.rows.front(), next->rows.front())))
        next = &shard;
    }
    if (next == nullptr) return Ok();
    Emit(next->rows.front(), out);
    queued_bytes_ -= next->rows.front().body.size();
    next->bytes -= next->rows.front().body.size();
    next->rows.pop_front();
  }
  return Ok();
}

std::string Merger::Body::CommandTag() const {
  if (recipe_ != nullptr) return fmt::format("SELECT {}", emitted_);
  std::vector<std::string> tags;
  for (const Shard& shard : shards_) {
    if (!shard.tag.empty()) tags.push_back(shard.tag);
  }
  return AddCommandTags(tags);
}

Merger::Merger(const MergeRecipe* recipe, MergeOptions options)
    : body_(std::make_unique<Body>(recipe, std::move(options))) {}
Merger::~Merger() = default;
Merger::Merger(Merger&&) noexcept = default;
Merger& Merger::operator=(Merger&&) noexcept = default;

Status Merger::RowDescription(std::size_t shard, std::string_view body) {
  return body_->RowDescription(shard, body);
}
Status Merger::DataRow(std::size_t shard, std::string_view body) {
  return body_->DataRow(shard, body);
}
Status Merger::Done(std::size_t shard, std::string_view tag) { return body_->Done(shard, tag); }
Status Merger::Take(std::string& out) { return body_->Take(out); }
bool Merger::finished() const { return body_->finished(); }
std::string Merger::CommandTag() const { return body_->CommandTag(); }
std::uint64_t Merger::rows() const { return body_->rows(); }
std::size_t Merger::queued_bytes() const { return body_->queued_bytes(); }
bool Merger::wants(std::size_t shard) const { return body_->wants(shard); }

Result<std::string> Merger::ClientRowDescription(const MergeRecipe* recipe, std::string_view body) {
  Result<std::vector<FieldDescription>> fields = ReadRowDescription(body);
  if (!fields) return fields.error();
  if (recipe == nullptr) return std::string(body);
  if (fields->size() < recipe->hidden)
    return NotExact("a shard answers with other columns than the statement names");
  fields->resize(fields->size() - recipe->hidden);
  for (std::size_t i = 0; recipe->grouped && i < fields->size() && i < recipe->columns.size();
       ++i) {
    if (recipe->columns[i].combine != Combine::kAverage) continue;
    FieldDescription& field = (*fields)[i];
    field.type_oid = kOidNumeric;
    field.type_size = -1;
    field.type_modifier = -1;
  }
  return WriteRowDescription(*fields);
}

std::vector<std::int16_t> ShardFormats(const MergeRecipe* recipe,
                                       std::vector<std::int16_t> client_formats) {
  if (recipe == nullptr || client_formats.size() <= 1) return client_formats;
  client_formats.resize(client_formats.size() + recipe->hidden, 0);
  return client_formats;
}

std::string AddCommandTags(const std::vector<std::string>& tags) {
  if (tags.empty()) return "";
  const std::string& first = tags.front();
  const std::size_t space = first.rfind(' ');
  const bool counted = space != std::string::npos && space + 1 < first.size() &&
                       first[space + 1] >= '0' && first[space + 1] <= '9';
  if (!counted) return first;
  std::uint64_t sum = 0;
  for (const std::string& tag : tags) sum += CountOfTag(tag);
  return fmt::format("{} {}", std::string_view(first).substr(0, space), sum);
}

RowInterleaver::RowInterleaver(std::vector<std::vector<std::uint32_t>> rows)
    : rows_(std::move(rows)), seen_(rows_.size(), 0) {
  std::size_t count = 0;
  for (const std::vector<std::uint32_t>& shard : rows_) count += shard.size();
  waiting_.resize(count);
}

void RowInterleaver::DataRow(std::size_t shard, std::string_view body) {
  const std::size_t place = seen_[shard]++;
  if (place < rows_[shard].size()) {
    waiting_[rows_[shard][place]] = std::string(body);
  } else {
    waiting_.emplace_back(std::string(body));  // a trigger or rule gave more rows than were sent
  }
}

void RowInterleaver::Take(std::string& out) {
  for (; next_ < waiting_.size() && waiting_[next_]; ++next_) {
    AppendMessage('D', *waiting_[next_], out);
    waiting_[next_].reset();
  }
}

void RowInterleaver::TakeRest(std::string& out) {
  for (; next_ < waiting_.size(); ++next_) {
    if (waiting_[next_]) AppendMessage('D', *waiting_[next_], out);
    waiting_[next_].reset();
  }
}

}  // namespace foreshard::router
