// SPDX-License-Identifier: Apache-2.0
// Threads that play the processes of a group, and what they say to each other.
#pragma once

#include <retinue/error.hpp>
#include <retinue/models/process_group.hpp>

#include <torch/torch.h>

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

/// Where the threads of one group meet.
class meeting_room {
 public:
  explicit meeting_room(int size) : given_(static_cast<std::size_t>(size)) {}

  /// Waits until all are here with a tensor; each then has what `join` makes of all, by rank.
  void meet(std::size_t rank, const at::Tensor& own,
            const std::function<at::Tensor(const std::vector<at::Tensor>&)>& join)
  {
    const torch::NoGradGuard no_gradients;
    std::unique_lock lock(mutex_);
    given_[rank] = own.clone();
    if (++here_ == given_.size()) {
      joined_ = join(given_);
      here_ = 0;
      ++meetings_;
      all_.notify_all();
    } else {
      const std::size_t now = meetings_;
      all_.wait(lock, [&] { return meetings_ != now || left_; });
      if (meetings_ == now) retinue::fail("another process has ended");
    }
    at::Tensor(own).copy_(joined_);
    if (++read_ == given_.size()) {
      read_ = 0;
      all_.notify_all();
    } else {
      const std::size_t now = meetings_;
      all_.wait(lock, [&] { return read_ == 0 || meetings_ != now; });
    }
  }

  void leave()
  {
    const std::lock_guard lock(mutex_);
    left_ = true;
    all_.notify_all();
  }

 private:
  std::vector<at::Tensor> given_;
  at::Tensor joined_;
  std::size_t here_ = 0, read_ = 0, meetings_ = 0;
  bool left_ = false;
  std::mutex mutex_;
  std::condition_variable all_;
};

class thread_group final : public retinue::process_group {
 public:
  thread_group(meeting_room& at, int rank, int size) : at_(at), rank_(rank), size_(size) {}

  [[nodiscard]] int rank() const override { return rank_; }
  [[nodiscard]] int size() const override { return size_; }
  [[nodiscard]] std::function<void()> begin_sum(const at::Tensor& of) override
  {
    at_.meet(static_cast<std::size_t>(rank_), of, [](const std::vector<at::Tensor>& all) {
      at::Tensor sum = all[0].clone();
      for (std::size_t i = 1; i < all.size(); ++i) sum += all[i];
      return sum;
    });
    return [] {};
  }
  void take_first(const at::Tensor& into) override
  {
    at_.meet(static_cast<std::size_t>(rank_), into,
             [](const std::vector<at::Tensor>& all) { return all[0]; });
  }

 private:
  meeting_room& at_;
  int rank_, size_;
};

/// Runs process(group) in so many threads; returns what each ended with, or "".
inline std::vector<std::string> together(
    int size, const std::function<void(retinue::process_group&)>& process)
{
  meeting_room room(size);
  std::vector<std::string> ends(static_cast<std::size_t>(size));
  {
    std::vector<std::jthread> threads;
    for (int rank = 0; rank < size; ++rank)
      threads.emplace_back([&, rank] {
        thread_group group(room, rank, size);
        try {
          process(group);
        } catch (const std::exception& e) {
          ends[static_cast<std::size_t>(rank)] = e.what();
          room.leave();
        }
      });
  }
  return ends;
}
