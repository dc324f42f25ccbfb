#include "kube/kube_api.h"
