// SPDX-License-Identifier: GPL-2.0-or-later
#include "child_task.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <cerrno>
#include <csignal>
#include <exception>
#include <system_error>
#include <utility>

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

[[noreturn]] void work_and_exit(const std::function<std::string()>& work, int fd) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  // The kernel's queues are bound by whoever has their socket, and a daemon that is killed may be started
  // again before we have ended.
  close_range(STDERR_FILENO + 1, static_cast<unsigned>(fd) - 1, 0);
  close_range(static_cast<unsigned>(fd) + 1, ~0U, 0);
  // The loop's own ways with signals end here.
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) std::signal(signal, SIG_DFL);
  try {
    say(fd, work());
  } catch (const std::exception& problem) {
    say(fd, problem.what());
  }
  _exit(0);
}

}  // namespace

ChildTask::ChildTask(boost::asio::io_context& loop, const std::function<std::string()>& work,
                     std::function<void(const std::string&)> done)
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
    work_and_exit(work, ends[1]);
  }
  close(ends[1]);
  pipe_.assign(ends[0]);
  read_more();
}

ChildTask::~ChildTask() {
  if (child_ <= 0) return;
  kill(child_, SIGTERM);
  waitpid(child_, nullptr, 0);
}

void ChildTask::read_more() {
  pipe_.async_read_some(boost::asio::buffer(buffer_),
                        [this](boost::system::error_code error, std::size_t count) {
                          if (error == boost::asio::error::operation_aborted) return;
                          said_.append(buffer_, 0, count);
                          if (!error) return read_more();
                          // Its end of the pipe is closed: it is at its end.
                          waitpid(std::exchange(child_, -1), nullptr, 0);
                          const auto done = std::move(done_);
                          done(std::string{said_});
                        });
}

}  // namespace tollgate
