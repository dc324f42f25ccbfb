#include <libpq-fe.h>
#include <fmt/format.h>
