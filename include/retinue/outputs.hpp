// SPDX-License-Identifier: Apache-2.0
// What a network said of a batch of images, from training to deployment the same: parts of one
// number of rows, a row for each anchor, which are read by whoever knows how.
//
//   scores    by a label policy: retinue/labels.hpp
//   boxes     by a coder, as records of its own code: offsets, distances, distributions
//   points    the landmarks, by the same coder
//   quality   one number a row beside the scores, where a head says so: how well the box fits, or
//             whether there is an object at all
#pragma once

#include <retinue/backend.hpp>   // tensor_backend
#include <retinue/geometry.hpp>  // extent2

#include <vector>

namespace retinue {

/// The outputs of a batch, as views where a backend's tables live.
template <tensor_backend B>
struct outputs {
  typename B::output scores{};   ///< (images, anchors, columns of the label policy)
  typename B::output boxes{};    ///< (images, anchors, width of the coder's code)
  typename B::output points{};   ///< (images, anchors, width of its code of landmarks), or nothing
  typename B::output quality{};  ///< (images, anchors, 1), or nothing
  std::vector<extent2> maps{};  ///< the size of each level's map; empty: as the image's size has it
};

}  // namespace retinue
