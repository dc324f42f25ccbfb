#include "base/result.h"
#include "forecast/forecaster.h"
