// SPDX-License-Identifier: GPL-2.0-or-later
#include "spare_memory.hpp"

#include <cstdlib>  // defines __GLIBC__ where it is the C library

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace tollgate {

void return_spare_memory() {
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
}

}  // namespace tollgate
