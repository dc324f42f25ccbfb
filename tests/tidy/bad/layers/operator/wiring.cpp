#include "migration/copier.h"
#include "migration/phase.h"
