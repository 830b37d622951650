// SPDX-License-Identifier: Apache-2.0
// What the processes of a training tell one another between updates: each says its own, and all go
// on with the same. One process alone knows it already, and nothing is sent.
#pragma once

#include <retinue/error.hpp>                 // fail
#include <retinue/models/process_group.hpp>  // process_group
#include <retinue/train/log.hpp>             // log_line
#include <retinue/train/named_tensors.hpp>   // named_tensors
#include <retinue/train/objective.hpp>       // batch_counts
#include <retinue/weights/zip.hpp>           // crc32

#include <torch/torch.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace retinue::detail {

/// What all processes do next: stop for a signal, or learn from so many samples together.
struct next_update {
  int signal = 0;
  std::size_t samples = 0;
};

class together {
 public:
  /// The group, which may be null and outlives this, talks where the device is.
  together(process_group* group, at::Device device) : group_(group), device_(device) {}

  [[nodiscard]] bool alone() const { return !group_; }
  [[nodiscard]] std::size_t rank() const
  {
    return group_ ? static_cast<std::size_t>(group_->rank()) : 0;
  }
  [[nodiscard]] std::size_t processes() const
  {
    return group_ ? static_cast<std::size_t>(group_->size()) : 1;
  }

  /// Of the samples and the signal that each has. No samples where one of them could read none.
  /// Throws where they would not learn at one rate.
  [[nodiscard]] next_update agree(std::size_t samples, int signal, double rate) const
  {
    if (!group_) return {signal, signal != 0 ? 0 : samples};
    const at::Tensor said = at::zeros({static_cast<std::int64_t>(processes()), 3}, at::kLong);
    const at::Tensor own = said[static_cast<std::int64_t>(rank())];
    own[0] = static_cast<std::int64_t>(samples);
    own[1] = signal;
    own[2] = std::bit_cast<std::int64_t>(rate);
    add_up(said);
    const auto each = said.select(1, 0), rates = said.select(1, 2);
    if (!rates.eq(rates[0]).all().item<bool>())
      fail("process ", rank(), " would learn at the rate ", rate,
           ", and another process at another, expected the same options of each");
    const bool all = each.min().item<std::int64_t>() > 0;
    return {said.select(1, 1).max().item<int>(),
            all ? static_cast<std::size_t>(each.sum().item<std::int64_t>()) : 0};
  }

  /// A tensor becomes the sum of what the processes have of it.
  void add_up(const at::Tensor& of) const
  {
    if (!group_) return;
    const at::Tensor there = of.to(device_);
    group_->sum(there);
    if (!there.is_same(of)) at::Tensor(of).copy_(there);
  }
  void add_up(batch_counts& counts) const
  {
    if (!group_) return;
    std::size_t* const all[] = {&counts.images, &counts.positives, &counts.with_landmarks};
    const at::Tensor sums = at::zeros({3}, at::kLong);
    std::int64_t* const n = sums.data_ptr<std::int64_t>();
    for (std::size_t i = 0; i < 3; ++i) n[i] = static_cast<std::int64_t>(*all[i]);
    add_up(sums);
    for (std::size_t i = 0; i < 3; ++i) *all[i] = static_cast<std::size_t>(n[i]);
  }
  /// Total, terms and positives.
  void add_up(log_line& line) const
  {
    if (!group_) return;
    std::vector<double> numbers{line.total, static_cast<double>(line.positives)};
    for (const auto& term : line.terms) numbers.push_back(term.value);
    const at::Tensor sums =
        at::from_blob(numbers.data(), {static_cast<std::int64_t>(numbers.size())}, at::kDouble);
    add_up(sums);
    line.total = numbers[0];
    line.positives = static_cast<std::int64_t>(numbers[1]);
    for (std::size_t t = 0; t < line.terms.size(); ++t) line.terms[t].value = numbers[t + 2];
  }

  /// A tensor becomes that of process 0.
  void take_first(const at::Tensor& of) const
  {
    if (!group_) return;
    const torch::NoGradGuard no_gradients;
    const at::Tensor there = of.detach().to(device_).contiguous();
    group_->take_first(there);
    at::Tensor(of).copy_(there);
  }
  void take_first(const named_tensors& tensors) const
  {
    for (const auto& [name, tensor] : tensors) take_first(tensor);
  }

  /// Throws in all processes where they do not train with the same: with the same `settings`, as a
  /// sentence says them, and with the same `exact`, which it does not.
  void check_alike(const std::string& settings, const std::string& exact = "") const
  {
    if (!group_) return;
    const std::string all = settings + "\n" + exact;
    const at::Tensor marks = at::zeros({static_cast<std::int64_t>(processes())}, at::kLong);
    std::int64_t* const mark = marks.data_ptr<std::int64_t>();
    mark[rank()] = std::int64_t{crc32(std::as_bytes(std::span(all)))};
    add_up(marks);
    for (std::size_t other = 0; other < processes(); ++other)
      if (mark[other] != mark[rank()])
        fail("process ", rank(), " trains with ", settings, ", and process ", other, " otherwise");
  }

 private:
  process_group* group_;
  at::Device device_;
};

}  // namespace retinue::detail
