// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

namespace tollgate {

// Gives the kernel what the allocator keeps for later (malloc_trim(3); nothing where the C library has
// no such thing). For after something that took much and is over: it walks all that is free.
void return_spare_memory();

// Takes the code and constants of this program and its libraries out of this process's page tables
// (madvise(2), MADV_DONTNEED); what is used again comes back from the page cache by minor faults. For
// once, after a start: most of what was touched by then is never run again. Segments that the loader
// writes to are left alone. Breakpoints that a debugger has set by then are lost.
void return_startup_code();

}  // namespace tollgate
