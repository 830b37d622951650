// SPDX-License-Identifier: Apache-2.0
// The pipelines of RetinaFace, of SCRFD and of SSD. Pixel values stay 0 to 255: the mean is
// subtracted, and the channels parted, by to_planes.
#pragma once

#include <retinue/augment/colours.hpp>   // random_colours
#include <retinue/augment/crop.hpp>      // random_square_crop, random_overlap_crop
#include <retinue/augment/mirror.hpp>    // random_mirror
#include <retinue/augment/pipeline.hpp>  // augmentation
#include <retinue/augment/resize.hpp>    // random_resize
#include <retinue/augment/window.hpp>    // pad_to_square, random_expand

namespace retinue {

/// Crop, colours, border, mirror, resize (seed 003, preproc).
[[nodiscard]] inline auto retinaface_augmentation(int side)
{
  return augmentation{random_square_crop{}, random_colours{}, pad_to_square{}, random_mirror{},
                      random_resize{{side, side}}};
}

/// The same with crops up to twice the short side, so that small objects are learnt from large ones
/// (Guo et al. 2021, section 3.1).
[[nodiscard]] inline auto scrfd_augmentation(int side)
{
  random_square_crop crop;
  crop.shares = {0.3, 0.45, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0};
  return augmentation{crop, random_colours{}, pad_to_square{}, random_mirror{},
                      random_resize{{side, side}}};
}

/// RetinaFace's, with what the reference does otherwise: see docs/compatibility.md, D1, D4 and D6.
[[nodiscard]] inline auto reference_retinaface_augmentation(int side)
{
  random_square_crop crop;
  crop.landmarks = edge_landmarks::clamp;
  crop.last_offset = false;
  random_colours colours;
  colours.arithmetic = colour_arithmetic::reference;
  return augmentation{crop, colours, pad_to_square{}, random_mirror{}, random_resize{{side, side}}};
}

/// Colours, canvas, crop by overlap, mirror, resize (Liu et al. 2016; side is 300 or 512).
[[nodiscard]] inline auto ssd_augmentation(int side)
{
  return augmentation{random_colours{}, random_expand{}, random_overlap_crop{}, random_mirror{},
                      random_resize{{side, side}}};
}

}  // namespace retinue
