// SPDX-License-Identifier: GPL-2.0-or-later
#include "list_watch.hpp"

#include <utility>

namespace tollgate {

ListWatch::ListWatch(boost::asio::io_context& loop, LogSink& log, std::function<void()> on_change)
    : log_{log}, on_change_{std::move(on_change)}, events_{loop}, quiet_{loop} {
  Result<FileWatch, std::string> files = FileWatch::open();
  if (!files) {
    log_.message(LogLevel::warning, files.error() + ": lists that change are read at the next reload");
    return;
  }
  files_.emplace(std::move(*files));
  events_.assign(files_->fd());
  wait();
}

ListWatch::~ListWatch() {
  if (files_) events_.release();
}

void ListWatch::watch(std::span<const std::string> files) {
  if (!files_) return;
  for (const std::string& file : files_->watch(files)) {
    log_.message(LogLevel::warning, file + " cannot be watched: its changes are read at the next reload");
  }
}

void ListWatch::wait() {
  events_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                     [this](boost::system::error_code error) {
                       if (error) return;
                       if (files_->changed()) {
                         quiet_.expires_after(kQuiet);
                         quiet_.async_wait([this](boost::system::error_code aborted) {
                           if (!aborted) on_change_();
                         });
                       }
                       wait();
                     });
}

}  // namespace tollgate
