// SPDX-License-Identifier: Apache-2.0
// What holds of labelled pictures, whichever form they were read from: what can be learnt from, and
// the same whether bad truths are refused or left out.
#pragma once

#include "target.hpp"

#include <retinue/data/sample.hpp>

#include <cmath>
#include <optional>

namespace retinue::fuzz {

template <class Schema>
void hold_truth_laws(const data_set<Schema>& set)
{
  law(!set.samples.empty(), "a set has a picture");
  for (const auto& sample : set.samples)
    for (const auto& i : sample.instances) {
      law(i.bounds.x1 < i.bounds.x2 && i.bounds.y1 < i.bounds.y2 &&
              std::isfinite(i.bounds.x2 - i.bounds.x1) && std::isfinite(i.bounds.y2 - i.bounds.y1),
          "a box has an area");
      law(i.label >= 1, "a truth is of no background");
      law(set.classes.empty() || static_cast<std::size_t>(i.label) <= set.classes.size(),
          "a label has a name");
      for (std::size_t k = 0; k < Schema::count; ++k)
        for (const float v : i.points.points[k])
          law(std::isfinite(v) && (i.visible[k] || v == 0), "a landmark is a number, or hidden");
    }
}

/// `read(options)` gives a set. Where nothing is refused, nothing is left out.
template <class Read>
void check_reader(std::string_view source, const Read& read)
{
  std::optional<std::size_t> truths;
  const auto count = [](const auto& set) {
    std::size_t n = 0;
    for (const auto& sample : set.samples) n += sample.instances.size();
    return n;
  };
  reads(source, [&] {
    const auto set = read(read_options{});
    hold_truth_laws(set);
    law(set.skipped.empty(), "what is refused is not left out");
    truths = count(set);
  });
  const bool lenient = reads(source, [&] {
    const auto set = read(read_options{.on_bad_truth = bad_truths::skip});
    hold_truth_laws(set);
    if (starving) return;
    law(truths.has_value() == set.skipped.empty(), "what is left out would have been refused");
    law(!truths || *truths == count(set), "the same truths either way");
  });
  law(lenient || !truths || starving, "what is read strictly is read leniently");
}

}  // namespace retinue::fuzz
