// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

namespace tollgate {

// Gives the kernel what the allocator keeps for later (malloc_trim(3); nothing where the C library has
// no such thing). For after something that took much and is over: it walks all that is free.
void return_spare_memory();

}  // namespace tollgate
