// SPDX-License-Identifier: GPL-2.0-or-later
#include <boost/json/object.hpp>

#include "tollgate/replay/replay.hpp"

namespace tollgate {
namespace {

boost::json::object counts(const std::map<std::string, std::uint64_t>& named) {
  boost::json::object object;
  for (const auto& [name, count] : named) object[name] = count;
  return object;
}

}  // namespace

boost::json::value to_json(const ReplaySummary& summary) {
  boost::json::object inner;
  inner["packets"] = summary.packets;
  inner["other_frames"] = summary.other_frames;
  inner["flows"] = summary.flows;
  inner["malformed"] = counts(summary.malformed);
  inner["verdicts"] = counts(summary.verdicts);
  boost::json::object outer;
  outer["summary"] = std::move(inner);
  return outer;
}

}  // namespace tollgate
