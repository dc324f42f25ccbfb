#include "router/server_login.h"

#include <fmt/format.h>

#include <charconv>

#include "pg/wire_backend.h"
#include "pg/wire_reader.h"
#include "pg/wire_startup.h"
#include "pg/wire_writer.h"
#include "router/limits.h"
#include "router/merge.h"
#include "router/session_settings.h"

namespace foreshard::router {
namespace {

// One round trip tells both whether the schema is there and whether this server takes writes. A
// catalogue look-up, because a missing table would be an error.
std::string AskSql() {
  return fmt::format(
      "SELECT pg_catalog.to_regclass('foreshard.range') IS NOT NULL, "
      "pg_catalog.pg_is_in_recovery(), ({}), "
      "pg_catalog.to_regprocedure('foreshard.forget(text[],text[])') IS NOT NULL",
      kCollationQuery);
}
constexpr std::string_view kRangesSql =
    "SELECT range_id, kind, lower_bound, upper_bound, keys::pg_catalog.text, owner, epoch, leased, "
    "migration_id "
    "FROM foreshard.range";

std::int64_t ToInt64(std::string_view text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

bool HasMechanism(std::string_view list, std::string_view name) {
  pg::WireReader reader(list);
  while (reader.ok() && !reader.AtEnd()) {
    if (reader.String() == name) return true;
  }
  return false;
}

}  // namespace

std::string ConnectedSql(std::string_view router, std::int64_t epoch) {
  return fmt::format("SELECT foreshard.connected({}, {})", QuoteLiteral(router), epoch);
}

ServerLogin::ServerLogin(Options options) : options_(std::move(options)) {}

void ServerLogin::Start(std::string* out) {
  pg::AppendStartup(out, {{"user", options_.user},
                          {"database", options_.database},
                          {"application_name", "foreshard"}});
}

ServerLogin::Next ServerLogin::Fail(std::string_view code, std::string_view message) {
  failure_code_ = std::string(code);
  failure_ = std::string(message);
  return Next::kFailed;
}

ServerLogin::Next ServerLogin::Receive(std::string_view* bytes, std::string* out) {
  while (true) {
    pg::WireFrame frame;
    const pg::WireFrameState seen = pg::NextFrame(*bytes, kClientMessageBytesMax, &frame);
    if (seen == pg::WireFrameState::kIncomplete) return Next::kMore;
    if (seen == pg::WireFrameState::kInvalid)
      return Fail("08P01", "the server does not speak the protocol");
    bytes->remove_prefix(frame.whole.size());
    const Next next = Handle(frame.type, frame.body, out);
    if (next != Next::kMore) return next;
  }
}

ServerLogin::Next ServerLogin::Handle(char type, std::string_view body, std::string* out) {
  switch (type) {
    case 'R':
      return Authentication(body, out);
    case 'S': {
      const auto status = pg::DecodeParameterStatus(body);
      if (!status) return Fail("08P01", "malformed ParameterStatus");
      parameters_[std::string(status->name)] = std::string(status->value);
      return Next::kMore;
    }
    case 'K': {
      pg::WireReader reader(body);
      process_id_ = static_cast<std::uint32_t>(reader.Int32());
      secret_key_ = static_cast<std::uint32_t>(reader.Int32());
      return reader.ok() ? Next::kMore : Fail("08P01", "malformed BackendKeyData");
    }
    case 'E': {
      if (step_ == Step::kWarmUp) return Next::kMore;
      const auto error = pg::DecodeError(body);
      return error ? Fail(error->code, error->message) : Fail("08P01", "malformed ErrorResponse");
    }
    case 'D':
      return Row(body);
    case 'Z':
      return Ready(out);
    case 'N':
    case 'T':
    case 'C':
    case 'v':
      return Next::kMore;
  }
  return Fail("08P01", fmt::format("unexpected message '{}' while logging in", type));
}

ServerLogin::Next ServerLogin::Authentication(std::string_view body, std::string* out) {
  pg::WireReader reader(body);
  const std::int32_t kind = reader.Int32();
  if (!reader.ok() || step_ != Step::kAuthentication)
    return Fail("08P01", "unexpected authentication request");
  if (kind == 0) {
    // SCRAM proves both sides. Without it (trust, peer) anybody could pretend to be the shard.
    if (scram_ && !proven_) return Fail("28000", "the server skipped the end of SCRAM");
    if (!scram_ && !options_.believes) {
      return Fail("28000",
                  "the server asks for no password, so nothing proves that it is the shard "
                  "(--shard-tls require with --tls-directory, or --trust-shards)");
    }
    step_ = Step::kParameters;
    return Next::kMore;
  }
  if (kind == 10) {
    const bool binds =
        !options_.binding_hash.empty() && HasMechanism(reader.rest(), "SCRAM-SHA-256-PLUS");
    if (!binds && !HasMechanism(reader.rest(), "SCRAM-SHA-256")) {
      return Fail("28000", "the server offers no SCRAM-SHA-256");
    }
    scram_.emplace(options_.identity, options_.nonce,
                   binds ? options_.binding_hash : std::string());
    const std::string first = scram_->First();
    pg::WireWriter message(out, 'p');
    message.String(binds ? "SCRAM-SHA-256-PLUS" : "SCRAM-SHA-256");
    message.Int32(static_cast<std::int32_t>(first.size())).Bytes(first).End();
    return Next::kMore;
  }
  if (kind == 11 && scram_) {
    const Result<std::string> final = scram_->Final(reader.rest());
    if (!final) return Fail("28000", final.error().message);
    pg::AppendPassword(out, *final);
    return Next::kMore;
  }
  if (kind == 12 && scram_) {
    const Status verified = scram_->Verify(reader.rest());
    if (!verified) return Fail("28000", verified.error().message);
    proven_ = true;
    return Next::kMore;
  }
  return Fail(
      "28000",
      fmt::format("the server wants authentication method {}; only SCRAM-SHA-256 is given", kind));
}

ServerLogin::Next ServerLogin::Ready(std::string* out) {
  switch (step_) {
    case Step::kAuthentication:
      return Fail("08P01", "ready before authentication");
    case Step::kParameters:
      step_ = Step::kAsk;
      pg::AppendQuery(out, AskSql());
      return Next::kMore;
    case Step::kAsk:
      if (!has_schema_) return Next::kDone;
      step_ = in_recovery_ ? Step::kRanges : Step::kConnected;
      if (in_recovery_) return Next::kDone;
      // First say who we are, then look: a change of ownership after the look finds this connection
      // in the list.
      pg::AppendQuery(out, ConnectedSql(options_.router, options_.epoch));
      pg::AppendQuery(out, kRangesSql);
      return Next::kMore;
    case Step::kConnected:
      step_ = Step::kRanges;
      return Next::kMore;
    case Step::kRanges:
      if (options_.warm_up.empty()) return Next::kDone;
      step_ = Step::kWarmUp;
      pg::AppendQuery(out, options_.warm_up);
      return Next::kMore;
    case Step::kWarmUp:
      return Next::kDone;
  }
  Unreachable(step_);
}

ServerLogin::Next ServerLogin::Row(std::string_view body) {
  pg::RowValues values(body);
  std::vector<std::optional<std::string_view>> row;
  std::optional<std::string_view> value;
  while (values.Next(&value)) row.push_back(value);
  const auto text = [&row](std::size_t i) {
    return std::string(row[i].value_or(std::string_view()));
  };
  if (step_ == Step::kConnected || step_ == Step::kWarmUp) return Next::kMore;
  if (step_ == Step::kAsk && row.size() == 4) {
    has_schema_ = row[0] == "t";
    in_recovery_ = row[1] == "t";
    text_orders_as_bytes_ = row[2] == "t";
    forgets_ = row[3] == "t";
    return Next::kMore;
  }
  if (step_ != Step::kRanges || row.size() != 9)
    return Fail("08P01", "unexpected row while logging in");
  KnownRange range;
  range.range_id = text(0);
  range.kind = text(1);
  if (row[2]) range.lower_bound = text(2);
  if (row[3]) range.upper_bound = text(3);
  range.keys = text(4);
  range.owner = text(5);
  range.epoch = ToInt64(text(6));
  range.leased = row[7] == "t";
  range.migration = ToInt64(text(8));
  ranges_.push_back(std::move(range));
  return Next::kMore;
}

}  // namespace foreshard::router
