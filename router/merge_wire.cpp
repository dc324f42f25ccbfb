#include "router/merge_wire.h"

namespace foreshard::router {

namespace {

class BodyReader {
 public:
  explicit BodyReader(std::string_view body) : body_(body) {}

  std::uint32_t Take(std::size_t size) {
    std::uint32_t value = 0;
    for (const char c : TakeBytes(size)) value = value << 8 | static_cast<unsigned char>(c);
    return value;
  }
  std::string_view TakeBytes(std::size_t size) {
    if (body_.size() - at_ < size) {
      whole_ = false;
      at_ = body_.size();
      return {};
    }
    at_ += size;
    return body_.substr(at_ - size, size);
  }
  std::string_view TakeText() {
    const std::size_t end = body_.find('\0', at_);
    if (end == std::string_view::npos) {
      whole_ = false;
      return {};
    }
    const std::string_view text = body_.substr(at_, end - at_);
    at_ = end + 1;
    return text;
  }
  bool whole() const { return whole_; }
  bool done() const { return whole_ && at_ == body_.size(); }

 private:
  std::string_view body_;
  std::size_t at_ = 0;
  bool whole_ = true;
};

void Put(std::string& out, std::uint32_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    out += static_cast<char>(value >> shift & 0xff);
}

Error Broken() { return Error::GiveUp("a shard sent a message that is not whole", "", "08P01"); }

}  // namespace

Result<std::vector<FieldDescription>> ReadRowDescription(std::string_view body) {
  BodyReader reader(body);
  const std::uint32_t count = reader.Take(2);
  std::vector<FieldDescription> fields;
  for (std::uint32_t i = 0; i < count && reader.whole(); ++i) {
    FieldDescription field;
    field.name = reader.TakeText();
    field.table_oid = reader.Take(4);
    field.attribute = static_cast<std::int16_t>(reader.Take(2));
    field.type_oid = reader.Take(4);
    field.type_size = static_cast<std::int16_t>(reader.Take(2));
    field.type_modifier = static_cast<std::int32_t>(reader.Take(4));
    field.format = static_cast<std::int16_t>(reader.Take(2));
    fields.push_back(std::move(field));
  }
  if (!reader.done()) return Broken();
  return fields;
}

std::string WriteRowDescription(const std::vector<FieldDescription>& fields) {
  std::string out;
  Put(out, static_cast<std::uint32_t>(fields.size()), 2);
  for (const FieldDescription& field : fields) {
    out += field.name;
    out += '\0';
    Put(out, field.table_oid, 4);
    Put(out, static_cast<std::uint16_t>(field.attribute), 2);
    Put(out, field.type_oid, 4);
    Put(out, static_cast<std::uint16_t>(field.type_size), 2);
    Put(out, static_cast<std::uint32_t>(field.type_modifier), 4);
    Put(out, static_cast<std::uint16_t>(field.format), 2);
  }
  return out;
}

Result<std::vector<Cell>> ReadDataRow(std::string_view body) {
  BodyReader reader(body);
  const std::uint32_t count = reader.Take(2);
  std::vector<Cell> cells;
  cells.reserve(count);
  for (std::uint32_t i = 0; i < count && reader.whole(); ++i) {
    const auto size = static_cast<std::int32_t>(reader.Take(4));
    if (size < 0) {
      cells.push_back(std::nullopt);
    } else {
      cells.push_back(reader.TakeBytes(static_cast<std::size_t>(size)));
    }
  }
  if (!reader.done()) return Broken();
  return cells;
}

std::string WriteDataRow(const std::vector<std::optional<std::string>>& cells,
                         std::size_t visible) {
  std::string out;
  Put(out, static_cast<std::uint32_t>(visible), 2);
  for (std::size_t i = 0; i < visible; ++i) {
    if (!cells[i]) {
      Put(out, 0xffffffffU, 4);
      continue;
    }
    Put(out, static_cast<std::uint32_t>(cells[i]->size()), 4);
    out += *cells[i];
  }
  return out;
}

std::string CutDataRow(std::string_view body, std::size_t visible) {
  BodyReader reader(body);
  reader.Take(2);
  std::size_t bytes = 2;
  for (std::size_t i = 0; i < visible; ++i) {
    const auto size = static_cast<std::int32_t>(reader.Take(4));
    const std::size_t value = size < 0 ? 0 : static_cast<std::size_t>(size);
    reader.TakeBytes(value);
    bytes += 4 + value;
  }
  std::string out;
  Put(out, static_cast<std::uint32_t>(visible), 2);
  out += body.substr(2, bytes - 2);
  return out;
}

void AppendMessage(char type, std::string_view body, std::string& out) {
  out += type;
  Put(out, static_cast<std::uint32_t>(body.size() + 4), 4);
  out += body;
}

}  // namespace foreshard::router
