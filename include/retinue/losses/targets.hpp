// SPDX-License-Identifier: Apache-2.0
// What one image teaches: its truths, and the verdict on every anchor.
#pragma once

#include <retinue/anchors/layout.hpp>  // anchor_layout
#include <retinue/instance.hpp>        // instance
#include <retinue/landmarks.hpp>       // landmark_schema
#include <retinue/matchers.hpp>        // matcher, assignment

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace retinue {

/// Boxes and points are fractions of the image's sides, as the anchors are.
template <landmark_schema Schema>
struct image_targets {
  std::span<const instance<Schema>> truths;  ///< a view; keep the instances alive
  assignment assigned;
};

/// Lets a matcher of boxes match instances. Its buffers are reused; one copy serves one thread.
template <matcher M>
class truth_matcher {
 public:
  explicit truth_matcher(M match) : match_(std::move(match)) {}

  template <landmark_schema Schema>
  void operator()(const anchor_layout& anchors, std::span<const instance<Schema>> truths,
                  image_targets<Schema>& out)
  {
    boxes_.clear();
    ignore_.clear();
    bool any = false;
    for (const instance<Schema>& truth : truths) {
      boxes_.push_back(truth.bounds);
      ignore_.push_back(truth.ignore);
      any = any || truth.ignore;
    }
    if (!any) ignore_.clear();
    out.truths = truths;
    match_(anchors, boxes_, ignore_, out.assigned);
  }

 private:
  M match_;
  std::vector<box<float>> boxes_;
  std::vector<std::uint8_t> ignore_;
};

}  // namespace retinue
