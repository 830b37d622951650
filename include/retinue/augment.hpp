// SPDX-License-Identifier: Apache-2.0
// Augmentation: decided first from a key, then applied to boxes, landmarks and pixels together.
//
// This is all that needs only the standard library. The pixels are moved by augment/pixels.hpp,
// over OpenCV.
#pragma once

#include <retinue/augment/affine.hpp>     // rotation, scale, shear, shift
#include <retinue/augment/colours.hpp>    // brightness, contrast, saturation, hue
#include <retinue/augment/crop.hpp>       // squares that hold a truth, windows by overlap
#include <retinue/augment/erase.hpp>      // a rectangle in front
#include <retinue/augment/mirror.hpp>     // left and right
#include <retinue/augment/mosaic.hpp>     // four pictures as one
#include <retinue/augment/pipeline.hpp>   // stages one after the other
#include <retinue/augment/presets.hpp>    // RetinaFace's, SSD's
#include <retinue/augment/resize.hpp>     // to the network's size
#include <retinue/augment/transform.hpp>  // the concepts
#include <retinue/augment/window.hpp>     // a border, a larger canvas
