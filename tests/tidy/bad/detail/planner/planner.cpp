#include "planner/detail/search.h"
