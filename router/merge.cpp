#include "router/merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "base/check.h"
#include "router/merge_checks.h"
#include "router/merge_groups.h"
#include "router/merge_value.h"
#include "router/merge_wire.h"

namespace foreshard::router {

namespace {

constexpr std::size_t kQueuedBytesPerShard = std::size_t{256} << 10;  // enough to keep a shard busy
constexpr std::uint32_t kFirstOidOfUsers = 16'384;  // FirstNormalObjectId of PostgreSQL

Error NotExact(std::string what) { return Error::GiveUp(std::move(what), "", "0A000"); }

// Each shard numbers the types that users made as it likes; the client hears the first one's
// number, as it would for a single key. Their values are never compared here (CheckMerge).
bool SameType(const FieldDescription& here, const FieldDescription& first) {
  return here.type_oid == first.type_oid ||
         (std::min(here.type_oid, first.type_oid) >= kFirstOidOfUsers &&
          here.type_size == first.type_size);
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
                                   return a.name == b.name && SameType(a, b);
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
  const Status checked = CheckMerge(*recipe_, fields_, options_.text_orders_as_bytes);
  if (!checked) return checked;
  if (grouped()) {
    std::vector<ColumnType> types;
    for (std::size_t i = 0; i < fields_.size(); ++i) types.push_back(TypeOfColumn(i));
    groups_.emplace(recipe_->columns, std::move(types));
  }
  return Ok();
}

Result<std::vector<Value>> Merger::Body::SortKeysOf(const std::vector<Cell>& cells) const {
  std::vector<Value> keys;
  for (const SortKey& key : recipe_->sort) {
    const std::size_t column = recipe_->PlaceOf(key, fields_.size());
    const Cell& cell = cells[column];
    if (!cell) {
      keys.emplace_back();
      continue;
    }
    const ColumnType type = TypeOfColumn(column);
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
      const std::size_t column = recipe_->PlaceOf(key, fields_.size());
      if (const std::optional<std::string>& cell = cells[column]; cell) {
        ColumnType type = TypeOfColumn(column);
        if (recipe_->columns[column].combine == Combine::kAverage) type.oid = kOidNumeric;
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
      const std::vector<FieldDescription> fields =
          recipe_ == nullptr ? fields_ : ClientFields(*recipe_, fields_);
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

}  // namespace foreshard::router
