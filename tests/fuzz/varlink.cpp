// SPDX-License-Identifier: GPL-2.0-or-later
// Any bytes on the control socket: cut into messages, read as calls, routed; and whatever is
// accepted comes out the same when it is written and read again. The first byte says how the
// rest arrives in pieces and who asks.
#include "tollgate/control/varlink.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "tollgate/control/interface.hpp"
#include "tollgate/control/messages.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

std::string_view without_nul(const std::string& message) {
  return std::string_view{message}.substr(0, message.size() - 1);
}

// Boost.JSON reads a number with a fraction or an exponent a little beside what was written.
bool is_same(const boost::json::value& a, const boost::json::value& b) {
  if (a.kind() != b.kind()) return false;
  if (a.is_double()) {
    const double one = a.get_double();
    const double other = b.get_double();
    return std::abs(one - other) <= 1e-14 * std::max(std::abs(one), std::abs(other));
  }
  if (a.is_array()) {
    return std::ranges::equal(a.get_array(), b.get_array(), is_same);
  }
  if (!a.is_object()) return a == b;
  return a.get_object().size() == b.get_object().size() &&
         std::ranges::all_of(a.get_object(), [&](const auto& member) {
           const boost::json::value* other = b.get_object().if_contains(member.key());
           return other != nullptr && is_same(member.value(), *other);
         });
}

void check_filter(const tollgate::FlowFilter& filter) {
  const auto again = tollgate::filter_from_json(tollgate::to_json(filter));
  require(again.ok() && tollgate::to_json(*again) == tollgate::to_json(filter));
}

void check_message(std::string_view message, tollgate::Access access) {
  using namespace tollgate;
  if (const auto call = parse_call(message)) {
    const auto again = parse_call(without_nul(serialize(*call)));
    require(again.ok() && again->method == call->method && is_same(again->parameters, call->parameters));
    const auto routed = route(*call, access);
    require(routed.ok() || !routed.error().error.empty());
    if (routed) {
      if (const auto* list = std::get_if<request::ListFlows>(&*routed)) check_filter(list->filter);
      if (const auto* explain = std::get_if<request::Explain>(&*routed)) {
        require(explain_from_json(to_json(explain->flow)).ok());
      }
    }
  }
  if (const auto reply = parse_reply(message)) {
    require(parse_reply(without_nul(serialize(*reply))).ok());
    const boost::json::value value = reply->parameters;
    (void)status_from_json(value).ok();
    (void)event_from_json(value).ok();
    (void)explanation_from_json(value).ok();
    if (const auto flow = flow_from_json(value)) require(flow_from_json(to_json(*flow)).ok());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = std::size_t{data[0]} / 2 + 1;
  const auto access = data[0] % 2 == 0 ? tollgate::Access::everything : tollgate::Access::own_flows;
  const std::string_view bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
  constexpr std::size_t kLimit = 4096;
  tollgate::VarlinkFramer framer{kLimit};
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    framer.append(bytes.substr(at, piece));
    while (const auto message = framer.next()) {
      require(message->size() <= kLimit);
      check_message(*message, access);
    }
    if (framer.too_long()) break;
    require(framer.waiting() <= kLimit);
  }
  return 0;
}
