#include "forecast/fine/pool.h"

// The fine pool as bytes and back. What the history says is not in them.

namespace foreshard::forecast {

void FinePool::Save(ByteWriter& out) const {
  out.Put(series_.last());
  models_.Save(out);
  for (std::size_t a = 0; a < anchors_.size(); ++a) {
    combination_[a].Save(out);
    for (const Issued& issued : issued_[a]) {
      out.Put(static_cast<std::uint8_t>(issued.valid ? 1 : 0));
      out.PutAll(issued.models);
      out.Put(issued.median);
      out.Put(issued.scale);
      out.PutAll(issued.quantiles);
      out.Put(static_cast<std::uint8_t>(issued.near_event ? 1 : 0));
      out.Put(issued.announced);
      out.Put(issued.plain);
    }
  }
  calibration_.Save(out);
  events_.Save(out);
  for (const Rivals& rivals : rivals_) {
    out.Put(rivals.announced);
    out.Put(rivals.plain);
  }
  out.Put(static_cast<std::uint8_t>(was_near_event_ ? 1 : 0));
  for (const model::BinIndex at : {fitted_at_, alarm_at_, born_at_}) out.Put(at);
  for (const std::int64_t count : {counts_.drift_alarms, counts_.refits, counts_.refits_refused})
    out.Put(count);
  for (const double sum : {up_, down_, series_.typical()}) out.Put(sum);
  for (const bool claim : {fitted_, alarmed_}) out.Put(static_cast<std::uint8_t>(claim ? 1 : 0));
}

Status FinePool::Load(ByteReader& in) {
  if (in.Get<model::BinIndex>() != series_.last())
    return Error::GiveUp("state and history end at different bins", "OldState");
  if (!models_.Load(in)) return Error::GiveUp("state is damaged: coefficients", "BadState");
  for (std::size_t a = 0; a < anchors_.size(); ++a) {
    combination_[a].Load(in);
    for (Issued& issued : issued_[a]) {
      issued.valid = in.Get<std::uint8_t>() != 0;
      in.GetAll(issued.models);
      in.Get(issued.median);
      in.Get(issued.scale);
      in.GetAll(issued.quantiles);
      issued.near_event = in.Get<std::uint8_t>() != 0;
      in.Get(issued.announced);
      in.Get(issued.plain);
    }
  }
  calibration_.Load(in);
  if (!events_.Load(in)) return Error::GiveUp("state is damaged: events", "BadState");
  for (Rivals& rivals : rivals_) {
    in.Get(rivals.announced);
    in.Get(rivals.plain);
  }
  was_near_event_ = in.Get<std::uint8_t>() != 0;
  for (model::BinIndex* at : {&fitted_at_, &alarm_at_, &born_at_}) in.Get(*at);
  for (std::int64_t* count : {&counts_.drift_alarms, &counts_.refits, &counts_.refits_refused})
    in.Get(*count);
  double typical = 0;
  for (double* sum : {&up_, &down_, &typical}) in.Get(*sum);
  for (bool* claim : {&fitted_, &alarmed_}) *claim = in.Get<std::uint8_t>() != 0;
  if (!in.good() || !in.AtEnd()) return Error::GiveUp("state is damaged: wrong length", "BadState");
  series_.SetTypical(typical);
  model::Fan fan;
  Forecast(options_.horizon_bins, fan);
  if (!detail::IsFinite(fan)) return Error::GiveUp("state is damaged: numbers", "BadState");
  return Ok();
}

}  // namespace foreshard::forecast
