// SPDX-License-Identifier: GPL-2.0-or-later
#include "suffix_file.hpp"

#include <libpsl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "tollgate/names/domain.hpp"

namespace tollgate {
namespace {

// By what psl_free() frees; that of the library's own list is nothing.
struct Free {
  void operator()(psl_ctx_t* list) const { ::psl_free(list); }
};
using Owned = std::unique_ptr<psl_ctx_t, Free>;

class SuffixFile final : public SuffixList {
 public:
  SuffixFile(Owned owned, const psl_ctx_t* list, std::string edition)
      : owned_{std::move(owned)}, list_{list}, edition_{std::move(edition)} {}

  std::string_view registrable(std::string_view domain) const override {
    // The library wants a C string.
    std::array<char, kMaxDomain + 1> text{};
    if (domain.size() > kMaxDomain || domain.find('\0') != std::string_view::npos) return {};
    std::ranges::copy(domain, text.begin());
    const char* const found = ::psl_registrable_domain(list_, text.data());
    return found == nullptr ? std::string_view{}
                            : domain.substr(static_cast<std::size_t>(found - text.data()));
  }
  std::string edition() const override { return edition_; }

 private:
  Owned owned_;  // null where the list is the library's own
  const psl_ctx_t* list_;
  std::string edition_;
};

std::string edition_of(const struct stat& status) {
  return std::to_string(status.st_ino) + ' ' + std::to_string(status.st_size) + ' ' +
         std::to_string(status.st_mtim.tv_sec) + '.' + std::to_string(status.st_mtim.tv_nsec);
}

}  // namespace

Result<std::shared_ptr<const SuffixList>, Diagnostic> open_suffix_file(std::string& file) {
  file.clear();
  const char* const path = ::psl_dist_filename();
  struct stat status {};
  if (path != nullptr && *path != '\0' && ::stat(path, &status) == 0) {
    if (Owned list{::psl_load_file(path)}) {
      file = path;
      const psl_ctx_t* const raw = list.get();
      return std::shared_ptr<const SuffixList>{
          std::make_shared<SuffixFile>(std::move(list), raw, edition_of(status))};
    }
  }
  const psl_ctx_t* const builtin = ::psl_builtin();
  if (builtin == nullptr)
    return Diagnostic{path == nullptr ? "" : path, 0, 0, "it is not installed (publicsuffix)"};
  return std::shared_ptr<const SuffixList>{
      std::make_shared<SuffixFile>(nullptr, builtin, ::psl_builtin_sha1sum())};
}

}  // namespace tollgate
