#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/key_space.h"
#include "router/compiled_table.h"
#include "router/statement.h"

// COPY … FROM STDIN into a sharded table: bytes in, whole rows for each shard out.
//
// The client may cut its CopyData messages anywhere. Each shard gets the bytes of its own rows
// unchanged (and the header line, the binary header and trailer), so COPY options mean there what
// they meant here.
//
// Threads: one owner. Memory: one unfinished row, at most row_bytes_max (54000 beyond).

namespace foreshard::router {

class CopySplitter {
 public:
  struct Options {
    model::KeySpace space;
    std::string column;  // for messages
    std::size_t row_bytes_max = std::size_t{256} << 20;
  };
  // `on_row`: bytes of one row (with its line end; binary: with its field count) and its key.
  using OnRow = std::function<void(std::string_view row, const Key& key)>;
  // `on_all`: bytes that every shard gets: header line, binary header and trailer. The end marker
  // `\.` is swallowed.
  using OnAll = std::function<void(std::string_view bytes)>;

  CopySplitter(CopyShape shape, Options options);

  // Errors: kGiveUp with a SQLSTATE in `code` (22004 NULL key, 22P02, 22P04 bad format) and the
  // line in the message.
  Status Feed(std::string_view bytes, const OnRow& on_row, const OnAll& on_all);
  // At CopyDone: the last row may lack its line end (one is added).
  Status Finish(const OnRow& on_row, const OnAll& on_all);

  std::uint64_t rows() const { return rows_; }

 private:
  Status FeedLines(const OnRow& on_row, const OnAll& on_all, bool last);
  Status FeedBinary(const OnRow& on_row, const OnAll& on_all);
  Status Line(std::string_view line, const OnRow& on_row, const OnAll& on_all);
  Status TextKey(std::string_view line, Key& key) const;
  Status CsvKey(std::string_view line, Key& key) const;
  Status KeyFromText(std::string_view value, bool is_null, Key& key) const;
  Error Bad(const char* code, const std::string& what) const;

  CopyShape shape_;
  Options options_;
  std::string buffer_;       // what is not yet a whole row
  std::size_t scanned_ = 0;  // csv: how far the search for the row's end got
  bool quoted_ = false;      // csv: inside quotes at scanned_
  std::uint64_t rows_ = 0;
  std::uint64_t lines_ = 0;
  bool header_seen_ = false;
  bool ended_ = false;  // "\\." or the binary trailer came
};

}  // namespace foreshard::router
