// SPDX-License-Identifier: GPL-2.0-or-later
#include "spare_memory.hpp"

#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>  // defines __GLIBC__ where it is the C library
#include <span>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace tollgate {
namespace {

int forget_code(dl_phdr_info* object, std::size_t /*size*/, void* /*given*/) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  for (const ElfW(Phdr) & segment : std::span{object->dlpi_phdr, object->dlpi_phnum}) {
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const std::uintptr_t begin = (object->dlpi_addr + segment.p_vaddr) / page * page;
    const std::uintptr_t end = (object->dlpi_addr + segment.p_vaddr + segment.p_memsz) / page * page;
    // Advice: where it is not taken (the vDSO) the pages just stay. The last page may be shared with a
    // segment that is written to, and stays as well.
    if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
  return 0;
}

}  // namespace

void return_spare_memory() {
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
}

void return_startup_code() { ::dl_iterate_phdr(&forget_code, nullptr); }

}  // namespace tollgate
