// #include "kube/kube_api.h" in a comment is fine
#include "model/ids.h"
