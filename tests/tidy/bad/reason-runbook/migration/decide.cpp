#include "migration/decide.h"

CutoverDecision Decide(const CutoverView& seen) {
  if (seen.lag) return Wait("LagTooHigh");
  return Revoke("MoonTooBright");
}
