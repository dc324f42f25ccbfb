#include "operator/webhook/request_head.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace foreshard::op {
namespace {

using MaybeHead = Result<std::optional<RequestHead>>;

Error Refused(int status, std::string message) {
  return Error::GiveUp(std::move(message), "BadRequest", std::to_string(status));
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char sign) {
    return sign >= 'A' && sign <= 'Z' ? static_cast<char>(sign - 'A' + 'a') : sign;
  });
  return lower;
}

// "POST /validate?timeout=3s HTTP/1.1"
Status CheckRequestLine(std::string_view line) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last ||
      !line.substr(last).starts_with(" HTTP/1."))
    return Refused(400, "only HTTP/1.1 is spoken here");
  if (line.substr(0, first) != "POST") return Refused(405, "only POST is answered");
  const std::string_view target = line.substr(first + 1, last - first - 1);
  if (target.substr(0, target.find('?')) != kReviewPath)
    return Refused(404, fmt::format("only {} is here", kReviewPath));
  return Ok();
}

Result<std::size_t> LengthOf(std::string_view text) {
  std::size_t length = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  const bool digits = !text.empty() && end == text.data() + text.size();
  if (!digits || (error != std::errc() && error != std::errc::result_out_of_range))
    return Refused(400, "Content-Length is no number of bytes");
  if (error != std::errc() || length > kRequestBodyMax)
    return Refused(413, fmt::format("at most {} bytes are read", kRequestBodyMax));
  return length;
}

// The body's length, from the lines after the first.
Result<std::size_t> BodyBytes(std::string_view lines) {
  std::optional<std::size_t> length;
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find("\r\n"), lines.size());
    const std::string_view line = lines.substr(0, end);
    lines.remove_prefix(std::min(end + 2, lines.size()));
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return Refused(400, "a header has no colon");
    const std::string name = Lower(line.substr(0, colon));
    if (name == "transfer-encoding") return Refused(411, "a Content-Length is expected, no chunks");
    if (name != "content-length") continue;
    if (length) return Refused(400, "Content-Length is given twice");
    const Result<std::size_t> given = LengthOf(Trimmed(line.substr(colon + 1)));
    if (!given) return given.error();
    length = *given;
  }
  if (!length) return Refused(411, "a Content-Length is expected");
  return *length;
}

std::string_view NameOf(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 431:
      return "Request Header Fields Too Large";
    case 503:
      return "Service Unavailable";
    default:
      return "Bad Request";
  }
}

}  // namespace

MaybeHead ReadRequestHead(std::string_view bytes) {
  const std::size_t end = bytes.substr(0, kRequestHeadMax).find("\r\n\r\n");
  if (end == std::string_view::npos) {
    if (bytes.size() >= kRequestHeadMax)
      return Refused(431, fmt::format("at most {} bytes of headers are read", kRequestHeadMax));
    return std::optional<RequestHead>();
  }
  const std::string_view head = bytes.substr(0, end);
  const std::size_t line_end = std::min(head.find("\r\n"), head.size());
  const Status line = CheckRequestLine(head.substr(0, line_end));
  if (!line) return line.error();
  const Result<std::size_t> body = BodyBytes(head.substr(std::min(line_end + 2, head.size())));
  if (!body) return body.error();
  return std::optional<RequestHead>({.head_bytes = end + 4, .body_bytes = *body});
}

std::string HttpAnswer(int status, std::string_view type, std::string_view body) {
  return fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
      status, NameOf(status), type, body.size(), body);
}

}  // namespace foreshard::op
