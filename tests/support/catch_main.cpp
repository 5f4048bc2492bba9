// SPDX-License-Identifier: GPL-2.0-or-later
// Catch2 v2 compiles its main() here; v3 brings its own.
#if !__has_include(<catch2/catch_all.hpp>)
#define CATCH_CONFIG_MAIN
#endif
#include "catch.hpp"
