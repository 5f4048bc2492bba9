// SPDX-License-Identifier: GPL-2.0-or-later
#include "ruleset_child.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>

#include "linux/ruleset_apply.hpp"

namespace tollgate {
namespace {

void say(int fd, const std::string& text) {
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t count = write(fd, text.data() + done, text.size() - done);
    if (count < 0 && errno != EINTR) return;
    if (count > 0) done += static_cast<std::size_t>(count);
  }
}

[[noreturn]] void remove_and_exit(int fd) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  const auto result = remove_ruleset();
  if (!result.ok()) say(fd, result.error().message);
  _exit(0);
}

}  // namespace

RulesetChild::RulesetChild(boost::asio::io_context& loop, std::function<void(const std::string&)> done)
    : pipe_{loop}, done_{std::move(done)}, buffer_(4096, '\0') {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::system_error{errno, std::generic_category(), "pipe"};
  child_ = fork();
  if (child_ < 0) {
    const int error = errno;
    close(ends[0]);
    close(ends[1]);
    throw std::system_error{error, std::generic_category(), "fork"};
  }
  if (child_ == 0) {
    close(ends[0]);
    remove_and_exit(ends[1]);
  }
  close(ends[1]);
  pipe_.assign(ends[0]);
  read_more();
}

RulesetChild::~RulesetChild() {
  if (child_ > 0) waitpid(child_, nullptr, 0);
}

void RulesetChild::read_more() {
  pipe_.async_read_some(
      boost::asio::buffer(buffer_), [this](boost::system::error_code error, std::size_t count) {
        if (error == boost::asio::error::operation_aborted) return;
        said_.append(buffer_, 0, count);
        if (!error) return read_more();
        waitpid(std::exchange(child_, -1), nullptr, 0);  // its end of the pipe is closed: it is at its end
        done_(said_);
      });
}

}  // namespace tollgate
