#include <string>

#include "base/log.h"
