// SPDX-License-Identifier: Apache-2.0
// One labelled object of an image: its box, its class, and its landmarks, each visible or not.
//
// What training calls a truth is an instance. A point that is not visible has no meaningful
// position: losses and errors leave it out, one point at a time.
#pragma once

#include <retinue/geometry.hpp>   // box
#include <retinue/landmarks.hpp>  // landmarks

#include <array>
#include <cstdint>

namespace retinue {

/// A labelled object.
template <landmark_schema Schema>
struct instance {
  box<float> bounds{};     ///< in the unit of its data set: pixels, or fractions of the image
  std::int32_t label = 1;  ///< the class, from 1; 0 is the background
  landmarks<float, Schema> points{};          ///< in the unit of the box
  std::array<bool, Schema::count> visible{};  ///< which of them are labelled
  bool ignore = false;  ///< neither to be found nor to be missed: a crowd, a difficult object
  float weight = 1;     ///< how much it counts in training, 0 or more: less where it is half seen

  friend bool operator==(const instance&, const instance&) = default;
};

}  // namespace retinue
