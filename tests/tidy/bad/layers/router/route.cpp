#include "tests/support/wait.h"
