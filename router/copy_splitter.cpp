#include "router/copy_splitter.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "router/route.h"

namespace foreshard::router {

namespace {

constexpr std::string_view kBinarySignature("PGCOPY\n\377\r\n\0", 11);

std::uint32_t BigEndian(std::string_view bytes) {
  std::uint32_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

int Octal(char c) { return c >= '0' && c <= '7' ? c - '0' : -1; }

int Hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The escapes of COPY's text format.
std::string Unescape(std::string_view field) {
  std::string value;
  for (std::size_t i = 0; i < field.size(); ++i) {
    if (field[i] != '\\' || i + 1 == field.size()) {
      value += field[i];
      continue;
    }
    const char c = field[++i];
    if (Octal(c) >= 0) {
      int code = Octal(c);
      for (int digits = 1; digits < 3 && i + 1 < field.size() && Octal(field[i + 1]) >= 0;
           ++digits) {
        code = code * 8 + Octal(field[++i]);
      }
      value += static_cast<char>(code);
    } else if (c == 'x' && i + 1 < field.size() && Hex(field[i + 1]) >= 0) {
      int code = Hex(field[++i]);
      if (i + 1 < field.size() && Hex(field[i + 1]) >= 0) code = code * 16 + Hex(field[++i]);
      value += static_cast<char>(code);
    } else {
      const char* const at = std::strchr("b\bf\fn\nr\rt\tv\v", c);
      value += at != nullptr && c >= 'a' ? at[1] : c;
    }
  }
  return value;
}

}  // namespace

CopySplitter::CopySplitter(CopyShape shape, Options options)
    : shape_(std::move(shape)), options_(std::move(options)) {}

Error CopySplitter::Bad(const char* code, const std::string& what) const {
  return Error::GiveUp(fmt::format("COPY {}, line {}: {}", shape_.qualified, lines_, what), "",
                       code);
}

Status CopySplitter::Feed(std::string_view bytes, const OnRow& on_row, const OnAll& on_all) {
  if (ended_)
    return Ok();  // what follows the end marker is ignored, as PostgreSQL does in protocol 3
  buffer_.append(bytes);
  const Status fed = shape_.format == CopyShape::Format::kBinary ? FeedBinary(on_row, on_all)
                                                                 : FeedLines(on_row, on_all, false);
  if (!fed) return fed;
  if (buffer_.size() > options_.row_bytes_max) return Bad("54000", "a row is too long");
  return Ok();
}

Status CopySplitter::Finish(const OnRow& on_row, const OnAll& on_all) {
  if (ended_) return Ok();
  if (shape_.format == CopyShape::Format::kBinary) {
    // As PostgreSQL: the end of the rows may take the trailer's place, but not that of half a row.
    return buffer_.empty() ? Ok() : Status(Bad("22P04", "unexpected EOF in COPY data"));
  }
  return FeedLines(on_row, on_all, true);
}

Status CopySplitter::FeedLines(const OnRow& on_row, const OnAll& on_all, bool last) {
  const bool csv = shape_.format == CopyShape::Format::kCsv;
  std::size_t begin = 0;
  while (!ended_) {
    std::size_t at = std::max(scanned_, begin);
    bool found = false;
    for (; at < buffer_.size(); ++at) {
      const char c = buffer_[at];
      if (csv && quoted_ && c == shape_.escape && shape_.escape != shape_.quote) {
        if (at + 1 == buffer_.size() && !last) break;  // what it escapes has not come yet
        if (at + 1 < buffer_.size() &&
            (buffer_[at + 1] == shape_.quote || buffer_[at + 1] == shape_.escape))
          ++at;
        continue;
      }
      if (csv && c == shape_.quote) quoted_ = !quoted_;
      if (!csv && c == '\\') {
        if (at + 1 == buffer_.size() && !last) break;
        if (at + 1 < buffer_.size() && buffer_[at + 1] != '.') ++at;  // an escaped newline is data
        continue;
      }
      const bool carriage = c == '\r' && !(csv && quoted_);
      if (carriage && at + 1 == buffer_.size() && !last) break;  // a line feed may follow
      if (carriage && at + 1 < buffer_.size() && buffer_[at + 1] == '\n') continue;
      if (carriage || (c == '\n' && !(csv && quoted_))) {
        found = true;
        break;
      }
    }
    scanned_ = at;
    if (!found && !(last && begin < buffer_.size())) break;
    if (!found && csv && quoted_) return Bad("22P04", "unterminated quoted field");
    if (!found) buffer_ += '\n';
    const std::size_t end = found ? at + 1 : buffer_.size();
    ++lines_;
    const Status done = Line(std::string_view(buffer_).substr(begin, end - begin), on_row, on_all);
    if (!done) return done;
    begin = scanned_ = end;
    quoted_ = false;
  }
  buffer_.erase(0, begin);
  scanned_ -= std::min(scanned_, begin);
  return Ok();
}

Status CopySplitter::Line(std::string_view line, const OnRow& on_row, const OnAll& on_all) {
  std::string_view content = line;
  while (content.ends_with('\n') || content.ends_with('\r')) {
    const bool line_feed = content.ends_with('\n');
    content.remove_suffix(1);
    if (!line_feed) break;
    if (!content.ends_with('\r')) break;
  }
  if (content == "\\.") {
    ended_ = true;
    return Ok();
  }
  if (shape_.header && !header_seen_) {
    header_seen_ = true;
    on_all(line);
    return Ok();
  }
  Key key;
  const Status read =
      shape_.format == CopyShape::Format::kCsv ? CsvKey(content, key) : TextKey(content, key);
  if (!read) return read;
  ++rows_;
  on_row(line, key);
  return Ok();
}

Status CopySplitter::TextKey(std::string_view line, Key& key) const {
  std::uint32_t column = 0;
  std::size_t begin = 0;
  for (std::size_t at = 0;; ++at) {
    if (at < line.size() && line[at] == '\\') {
      ++at;
      continue;
    }
    if (at < line.size() && line[at] != shape_.delimiter) continue;
    const std::size_t end = std::min(at, line.size());
    if (column == shape_.key_column) {
      const std::string_view field = line.substr(begin, end - begin);
      if (field == shape_.null_text) return KeyFromText({}, true, key);
      if (field.find('\\') == std::string_view::npos) return KeyFromText(field, false, key);
      return KeyFromText(Unescape(field), false, key);
    }
    if (at >= line.size()) break;
    ++column;
    begin = at + 1;
  }
  return Bad("22P04", fmt::format("missing data for column \"{}\"", options_.column));
}

Status CopySplitter::CsvKey(std::string_view line, Key& key) const {
  std::uint32_t column = 0;
  std::string field;
  bool quoted = false;
  bool was_quoted = false;
  for (std::size_t at = 0;; ++at) {
    const bool over = at >= line.size();
    if (!over && quoted) {
      const char c = line[at];
      const bool escapes = c == shape_.escape && at + 1 < line.size() &&
                           (line[at + 1] == shape_.quote || line[at + 1] == shape_.escape);
      if (escapes)
        field += line[++at];
      else if (c == shape_.quote)
        quoted = false;
      else
        field += c;
      continue;
    }
    if (!over && line[at] == shape_.quote) {
      quoted = was_quoted = true;
      continue;
    }
    if (!over && line[at] != shape_.delimiter) {
      field += line[at];
      continue;
    }
    if (column == shape_.key_column) {
      return KeyFromText(field, !was_quoted && field == shape_.null_text, key);
    }
    if (over) break;
    ++column;
    field.clear();
    was_quoted = false;
  }
  return Bad("22P04", fmt::format("missing data for column \"{}\"", options_.column));
}

Status CopySplitter::KeyFromText(std::string_view value, bool is_null, Key& key) const {
  if (is_null)
    return Bad("22004", fmt::format("null value in sharding column \"{}\"", options_.column));
  Result<Key> parsed = ParseKey(options_.space, value);
  if (!parsed) {
    return Bad(parsed.error().code.c_str(),
               fmt::format("sharding column \"{}\": {}", options_.column, parsed.error().message));
  }
  key = std::move(*parsed);
  return Ok();
}

Status CopySplitter::FeedBinary(const OnRow& on_row, const OnAll& on_all) {
  std::string_view rest = buffer_;
  if (!header_seen_) {
    constexpr std::size_t kFixed = kBinarySignature.size() + 8;
    if (rest.size() < kFixed) {
      const std::size_t seen = std::min(rest.size(), kBinarySignature.size());
      return rest.substr(0, seen) == kBinarySignature.substr(0, seen)
                 ? Ok()
                 : Status(Bad("22P04", "signature not recognized"));
    }
    if (!rest.starts_with(kBinarySignature)) return Bad("22P04", "signature not recognized");
    const std::size_t size = kFixed + BigEndian(rest.substr(kFixed - 4, 4));
    if (rest.size() < size) return Ok();
    on_all(rest.substr(0, size));
    rest.remove_prefix(size);
    header_seen_ = true;
  }
  while (rest.size() >= 2 && !ended_) {
    const auto fields =
        static_cast<std::int16_t>(static_cast<std::uint16_t>(BigEndian(rest.substr(0, 2))));
    if (fields == -1) {
      on_all(rest.substr(0, 2));
      rest = {};
      ended_ = true;
      break;
    }
    std::size_t at = 2;
    std::optional<std::string_view> value;
    bool is_null = false;
    bool whole = true;
    for (int field = 0; field < fields; ++field) {
      if (rest.size() - at < 4) {
        whole = false;
        break;
      }
      const auto size = static_cast<std::int32_t>(BigEndian(rest.substr(at, 4)));
      at += 4;
      if (size < -1) return Bad("22P04", "invalid field size");
      const std::size_t bytes = size < 0 ? 0 : static_cast<std::size_t>(size);
      if (rest.size() - at < bytes) {
        whole = false;
        break;
      }
      if (static_cast<std::uint32_t>(field) == shape_.key_column) {
        is_null = size < 0;
        value = rest.substr(at, bytes);
      }
      at += bytes;
    }
    if (!whole) break;
    ++lines_;
    if (!value) return Bad("22P04", fmt::format("missing data for column \"{}\"", options_.column));
    if (is_null) {
      Key none;
      return KeyFromText({}, true, none);
    }
    const Result<Key> key = KeyOfParameter(
        options_.space, {.is_null = false, .binary = true, .type_oid = 0, .bytes = *value});
    if (!key)
      return Bad(key.error().code.c_str(),
                 fmt::format("sharding column \"{}\": {}", options_.column, key.error().message));
    ++rows_;
    on_row(rest.substr(0, at), *key);
    rest.remove_prefix(at);
  }
  buffer_.erase(0, buffer_.size() - rest.size());
  return Ok();
}

}  // namespace foreshard::router
