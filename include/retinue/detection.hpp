// SPDX-License-Identifier: Apache-2.0
// What a detector finds.
#pragma once

#include <retinue/geometry.hpp>   // box
#include <retinue/landmarks.hpp>  // landmarks

#include <cstdint>

namespace retinue {

/// One object found. Pixels of the original picture.
template <landmark_schema Schema>
struct detection {
  box<float> bounds;
  float score = 0;
  std::int32_t label = 0;  ///< the class, from 1
  landmarks<float, Schema> points;
};

}  // namespace retinue
