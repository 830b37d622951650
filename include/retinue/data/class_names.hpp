// SPDX-License-Identifier: Apache-2.0
// The labels of named classes: 1, 2, ... in the order given, or in that of the alphabet.
#pragma once

#include <retinue/instance.hpp>  // instance

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace retinue::detail {

/// Numbers names while a file is read; where none were given, `in_order` renumbers at the end.
class class_names {
 public:
  explicit class_names(std::vector<std::string> given)
      : names_(std::move(given)), closed_(!names_.empty())
  {
  }

  /// From 1; 0 for a name that is not among those given.
  [[nodiscard]] std::int32_t label_of(std::string_view name)
  {
    const auto at = std::ranges::find(names_, name);
    if (at == names_.end() && closed_) return 0;
    const auto label = static_cast<std::int32_t>(at - names_.begin()) + 1;
    if (at == names_.end()) names_.emplace_back(name);
    return label;
  }

  /// The names by label. Names that were found, not given, are sorted first: an order of files must
  /// not decide which class a number means.
  template <class Samples>
  [[nodiscard]] std::vector<std::string> in_order(Samples& samples)
  {
    if (closed_) return names_;
    auto sorted = names_;
    std::ranges::sort(sorted);
    for (auto& sample : samples)
      for (auto& truth : sample.instances) {
        const auto& name = names_[static_cast<std::size_t>(truth.label - 1)];
        const auto at = std::ranges::lower_bound(sorted, name);
        truth.label = static_cast<std::int32_t>(at - sorted.begin()) + 1;
      }
    return sorted;
  }

 private:
  std::vector<std::string> names_;
  bool closed_;
};

}  // namespace retinue::detail
