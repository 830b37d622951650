// SPDX-License-Identifier: Apache-2.0
// One training at a time in a folder. The kernel holds the lock for the process: however it ends,
// by kill -9 too, nothing is left that keeps the next one out.
#pragma once

#include <retinue/detail/file.hpp>  // read_file, characters
#include <retinue/error.hpp>        // fail

#include <fcntl.h>     // open
#include <sys/file.h>  // flock
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

namespace retinue {

/// Held while it lives, by the file "lock" in the folder of a run.
class run_lock {
 public:
  /// Throws where another trainer, of this process or of another one, has the folder. File systems
  /// that know no locks are taken as they are.
  explicit run_lock(const std::filesystem::path& folder)
  {
    const auto file = folder / "lock";
    descriptor_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor_ < 0)
      fail(file.string(), ": cannot be created: ", std::generic_category().message(errno));
    int taken = 0;
    do taken = ::flock(descriptor_, LOCK_EX | LOCK_NB);
    while (taken != 0 && errno == EINTR);
    if (taken != 0 && errno == EWOULDBLOCK) {
      ::close(descriptor_);
      detail::opened_file opened(file);
      const auto bytes = opened.first(20);
      const auto holder = detail::characters(bytes);
      fail(folder.string(), ": another training is at work in this folder",
           holder.empty() ? "" : ", the process ", holder);
    }
    // For the sentence above; the lock does not depend on it.
    const std::string number = std::to_string(::getpid());
    if (::ftruncate(descriptor_, 0) == 0) [[maybe_unused]]
      const auto written = ::write(descriptor_, number.data(), number.size());
  }
  run_lock(run_lock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  run_lock& operator=(run_lock&& other) noexcept
  {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~run_lock()
  {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

 private:
  int descriptor_ = -1;
};

}  // namespace retinue
