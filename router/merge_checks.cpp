#include "router/merge_checks.h"

#include <fmt/format.h>

#include "router/merge.h"
#include "router/merge_value.h"

namespace foreshard::router {

namespace {

Error NotExact(std::string what) { return Error::GiveUp(std::move(what), "", "0A000"); }

Status CheckSort(const MergeRecipe& recipe, const std::vector<FieldDescription>& fields,
                 bool text_orders_as_bytes) {
  for (const SortKey& key : recipe.sort) {
    const std::size_t column = recipe.PlaceOf(key, fields.size());
    if (column >= fields.size()) return NotExact("ORDER BY of a column that is not there");
    const FieldDescription& field = fields[column];
    if (!IsComparable(field.type_oid)) {
      return NotExact(fmt::format(
          "ORDER BY {} over several shards: the order of its type is not known to the router",
          field.name));
    }
    if (IsCollatable(field.type_oid) && !key.collate_c && !text_orders_as_bytes) {
      return NotExact(fmt::format(
          "ORDER BY {} over several shards: write COLLATE \"C\", other collations order text in "
          "ways the router does not know",
          field.name));
    }
  }
  return Ok();
}

Status CheckGroups(const MergeRecipe& recipe, const std::vector<FieldDescription>& fields,
                   bool text_orders_as_bytes) {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const FieldDescription& field = fields[i];
    const OutputColumn& column = recipe.columns[i];
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
        if (IsCollatable(oid) && !column.collate_c && !text_orders_as_bytes) {
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

}  // namespace

Status CheckMerge(const MergeRecipe& recipe, const std::vector<FieldDescription>& fields,
                  bool text_orders_as_bytes) {
  if (fields.size() < recipe.hidden || (recipe.grouped && fields.size() != recipe.columns.size())) {
    return NotExact("a shard answers with other columns than the statement names");
  }
  if (const Status sort = CheckSort(recipe, fields, text_orders_as_bytes); !sort) return sort;
  if (recipe.grouped) return CheckGroups(recipe, fields, text_orders_as_bytes);
  for (std::size_t i = 0; recipe.distinct && i + recipe.hidden < fields.size(); ++i) {
    if (IsComparable(fields[i].type_oid)) continue;
    return NotExact(fmt::format(
        "DISTINCT of column {} over several shards: its type is not known to the router",
        fields[i].name));
  }
  return Ok();
}

std::vector<FieldDescription> ClientFields(const MergeRecipe& recipe,
                                           std::vector<FieldDescription> fields) {
  fields.resize(fields.size() - recipe.hidden);
  for (std::size_t i = 0; recipe.grouped && i < fields.size(); ++i) {
    if (recipe.columns[i].combine != Combine::kAverage) continue;
    fields[i].type_oid = kOidNumeric;
    fields[i].type_size = -1;
    fields[i].type_modifier = -1;
  }
  return fields;
}

Result<std::string> Merger::ClientRowDescription(const MergeRecipe* recipe, std::string_view body) {
  Result<std::vector<FieldDescription>> fields = ReadRowDescription(body);
  if (!fields) return fields.error();
  if (recipe == nullptr) return std::string(body);
  if (fields->size() < recipe->hidden ||
      (recipe->grouped && fields->size() != recipe->columns.size())) {
    return NotExact("a shard answers with other columns than the statement names");
  }
  return WriteRowDescription(ClientFields(*recipe, std::move(*fields)));
}

}  // namespace foreshard::router
