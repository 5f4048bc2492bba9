// SPDX-License-Identifier: GPL-2.0-or-later
#include "owner_finder.hpp"

#include <boost/asio/post.hpp>
#include <utility>

namespace tollgate {
namespace {

constexpr std::chrono::milliseconds kRest{20};

}  // namespace

using boost::asio::posix::stream_descriptor;

OwnerFinder::OwnerFinder(boost::asio::io_context& loop, Attribution& attribution, Answer later)
    : loop_{loop},
      attribution_{attribution},
      guests_{loop, [this](const ProcessFound& found) { later_(found); }},
      later_{std::move(later)},
      events_{loop},
      images_{loop},
      rest_{loop} {
  if (attribution_.events_fd() >= 0) {
    events_.assign(attribution_.events_fd());
    wait(events_);
  }
  if (attribution_.images_fd() >= 0) {
    images_.assign(attribution_.images_fd());
    wait(images_);
  }
  search_soon();  // it may want to look around
}

OwnerFinder::~OwnerFinder() {
  // The descriptors belong to the attribution.
  if (events_.is_open()) events_.release();
  if (images_.is_open()) images_.release();
}

void OwnerFinder::wait(stream_descriptor& descriptor) {
  descriptor.async_wait(stream_descriptor::wait_read, [this, &descriptor](boost::system::error_code error) {
    if (error) return;
    attribution_.receive();
    wait(descriptor);
  });
}

void OwnerFinder::look_up(std::span<const LookUp> asked, const Answer& now) {
  for (const LookUp& one : asked) {
    if (one.direction == Direction::forward) {
      if (const auto found = guests_.look_up(one)) now(*found);
      continue;
    }
    const Attribution::Ticket ticket = one.flow.id.value;
    if (const auto found = attribution_.look_up(one, ticket)) {
      now({one.flow, found->process, found->why});
    } else {
      searched_[ticket] = one.flow;
    }
  }
  if (!searched_.empty()) search_soon();
}

void OwnerFinder::search_soon() {
  if (std::exchange(searching_, true)) return;
  boost::asio::post(loop_, [this] { search(); });
}

void OwnerFinder::search() {
  searching_ = false;
  const Attribution::Left left =
      attribution_.turn([this](Attribution::Ticket ticket, const Attributed& found) {
        const auto node = searched_.extract(ticket);
        if (!node.empty()) later_({node.mapped(), found.process, found.why});
      });
  switch (left) {
    case Attribution::Left::nothing:
      return;
    case Attribution::Left::unhurried:
      return rest();
    case Attribution::Left::urgent:
      return search_soon();
  }
}

void OwnerFinder::rest() {
  rest_.expires_after(kRest);
  rest_.async_wait([this](boost::system::error_code error) {
    if (!error) search_soon();
  });
}

}  // namespace tollgate
