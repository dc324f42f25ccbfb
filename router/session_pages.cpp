#include <fmt/format.h>

#include "base/check.h"
#include "router/limits.h"
#include "router/session.h"

// A row limit in Execute over several shards: the merged rows are kept, and given out as they are
// asked for. One server would run the statement further instead; here its transaction may be ours,
// and is over by then.

namespace foreshard::router {

void Session::KeepRows(std::string_view rows) {
  if (fanout_->kept.size() + rows.size() <= kScatterBytesMax) {
    fanout_->kept.append(rows);
    return;
  }
  pg::AppendError(&fanout_->error,
                  {.severity = "ERROR",
                   .code = "53200",
                   .message = "the rows of several shards are too many to be fetched in parts",
                   .detail = {},
                   .hint = "Fetch without a row limit, or use LIMIT."});
}

// The next rows of the portal; 0: all that are left.
void Session::GivePage(Portal& portal, std::uint32_t rows_max) {
  std::string& out = host_.client_out();
  std::string_view rest = std::string_view(portal.rows).substr(portal.rows_given);
  std::uint32_t given = 0;
  pg::WireFrame frame;
  while ((rows_max == 0 || given < rows_max) &&
         pg::NextFrame(rest, kServerMessageBytesMax, &frame) == pg::WireFrameState::kComplete) {
    out.append(frame.whole);
    portal.rows_given += frame.whole.size();
    rest.remove_prefix(frame.whole.size());
    ++given;
  }
  if (rows_max != 0 && given == rows_max) {
    pg::AppendEmpty(&out, 's');
  } else {
    pg::AppendCommandComplete(&out, fmt::format("{}{}", portal.tag, given));
  }
  answered_ = true;
}

void Session::FinishPage(const Fanout& ended) {
  Portal* portal = FindPortal(ended.portal);
  CHECK(portal != nullptr, "the portal that is being executed");
  portal->ran = true;
  portal->rows = ended.kept;
  portal->tag = ended.tag.substr(0, ended.tag.rfind(' ') + 1);
  GivePage(*portal, ended.rows_max);
}

}  // namespace foreshard::router
