// SPDX-License-Identifier: Apache-2.0
// The losses of a run as a picture: each term and the total against the updates, as means over a
// few of them. A term that is 0 throughout, as that of landmarks where there are none, has no
// curve.
#pragma once

#include "plot.hpp"

#include <retinue/train/log.hpp>  // log_line

#include <opencv2/core.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

namespace retinue {

/// At most 200 points a line.
[[nodiscard]] inline cv::Mat draw_losses(std::span<const log_line> lines)
{
  std::vector<plot_line> curves{{"total", {}, {}}};
  for (const log_line& line : lines)
    for (const loss_term& term : line.terms)
      if (std::ranges::none_of(curves, [&](const auto& c) { return c.name == term.name; }))
        curves.push_back({term.name, {}, {}});
  const std::size_t points = std::min<std::size_t>(lines.size(), 200);
  for (std::size_t p = 0; p < points; ++p) {
    const std::size_t first = p * lines.size() / points, last = (p + 1) * lines.size() / points;
    const auto part = lines.subspan(first, last - first);
    for (plot_line& curve : curves) {
      double sum = 0;
      for (const log_line& line : part)
        sum += curve.name == "total" ? line.total : line.term(curve.name).value_or(0);
      curve.x.push_back(static_cast<double>(part.back().step + 1));
      curve.y.push_back(sum / static_cast<double>(part.size()));
    }
  }
  std::erase_if(curves, [](const plot_line& curve) {
    return std::ranges::all_of(curve.y, [](double y) { return y == 0; });
  });
  const plot_frame frame{.title = "training",
                         .x = {"updates", {}, false},
                         .y = {"loss", {}, true},
                         .legend = plot_legend::upper_right};
  return draw_plot(frame, curves);
}

}  // namespace retinue
