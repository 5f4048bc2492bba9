// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>

#include "tollgate/flow/five_tuple.hpp"

namespace tollgate {

// The flow that a socket of ours has begun or is beginning: it has been told whom it speaks to. nullopt for
// any other descriptor.
std::optional<FiveTuple> connected_tuple(int socket);

}  // namespace tollgate
