// SPDX-License-Identifier: Apache-2.0
// Things made by several threads, and handed out in order: sample 0, 1, 2, ... however long each
// took. What comes out depends on the indices alone, never on the number of threads.
#pragma once

#include <retinue/detail/cores.hpp>  // stay_on

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace retinue {

/// Calls make(i) for first <= i < last, at most `ahead` of them before they are fetched. With 0
/// threads each is made when it is fetched. One thread fetches. Where the system refuses a thread,
/// or the memory for one, those there are do the work, as few as none.
template <class T>
class ordered_queue {
 public:
  using maker = std::function<T(std::size_t)>;  ///< called by many threads at once

  ordered_queue(std::size_t first, std::size_t last, std::size_t threads, std::size_t ahead,
                maker make)
      : next_(first),
        claimed_(first),
        last_(std::max(first, last)),
        make_(std::move(make)),
        places_(std::max({ahead, threads, std::size_t{1}}))
  {
    try {
      static_cast<void>(detail::allowed_cores());  // makes its list here: no thread may throw
      for (std::size_t t = 0; t < threads; ++t) threads_.emplace_back([this] { work(); });
    } catch (const std::exception&) {  // thrown on, it would have the others joined, who wait
    }
  }
  ordered_queue(const ordered_queue&) = delete;
  ordered_queue& operator=(const ordered_queue&) = delete;
  ~ordered_queue()
  {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    room_.notify_all();
  }

  /// The next in order, or nothing after the last. Throws what make threw; the one after it can be
  /// fetched all the same.
  [[nodiscard]] std::optional<T> next()
  {
    if (next_ == last_) return std::nullopt;
    if (threads_.empty()) return make_(next_++);
    place taken;
    {
      std::unique_lock lock(mutex_);
      place& here = places_[next_ % places_.size()];
      ready_.wait(lock, [&] { return here.made || here.trouble; });
      taken = std::exchange(here, place());
      ++next_;
    }
    room_.notify_all();
    if (taken.trouble) std::rethrow_exception(taken.trouble);
    return std::move(taken.made);
  }

 private:
  struct place {
    std::optional<T> made;
    std::exception_ptr trouble;
  };

  void work()
  {
    detail::stay_on(detail::allowed_cores());  // whose maker may be bound to one
    for (;;) {
      std::size_t index = 0;
      {
        std::unique_lock lock(mutex_);
        room_.wait(lock, [&] {
          return stopping_ || claimed_ == last_ || claimed_ < next_ + places_.size();
        });
        if (stopping_ || claimed_ == last_) return;
        index = claimed_++;
      }
      place done;
      try {
        done.made.emplace(make_(index));
      } catch (...) {
        done.trouble = std::current_exception();
      }
      {
        const std::lock_guard lock(mutex_);
        places_[index % places_.size()] = std::move(done);
      }
      ready_.notify_one();
    }
  }

  std::size_t next_, claimed_, last_;
  maker make_;
  std::vector<place> places_;
  bool stopping_ = false;
  std::mutex mutex_;
  std::condition_variable room_, ready_;
  std::vector<std::jthread> threads_;  // last: they end before what they use does
};

}  // namespace retinue
