// SPDX-License-Identifier: Apache-2.0
// Augmentation: decided first from a key, then applied to boxes, landmarks and pixels together.
//
// This is all that needs only the standard library. The pixels are moved by augment/pixels.hpp,
// over OpenCV.
#pragma once

#include <retinue/augment/affine.hpp>       // rotation, scale, shear, shift
#include <retinue/augment/blur.hpp>         // out of focus
#include <retinue/augment/colours.hpp>      // brightness, contrast, saturation, hue
#include <retinue/augment/crop.hpp>         // squares that hold a truth, windows by overlap
#include <retinue/augment/erase.hpp>        // a rectangle in front
#include <retinue/augment/jpeg.hpp>         // sent around
#include <retinue/augment/mirror.hpp>       // left and right
#include <retinue/augment/mixing.hpp>       // the concepts for several pictures
#include <retinue/augment/mixup.hpp>        // two pictures through each other
#include <retinue/augment/mosaic.hpp>       // four pictures as one
#include <retinue/augment/noise.hpp>        // in the dark
#include <retinue/augment/paste.hpp>        // objects of another picture
#include <retinue/augment/pipeline.hpp>     // stages one after the other
#include <retinue/augment/presets.hpp>      // RetinaFace's, SCRFD's, SSD's
#include <retinue/augment/resize.hpp>       // to the network's size
#include <retinue/augment/transform.hpp>    // the concepts
#include <retinue/augment/until_epoch.hpp>  // switched off at the end
#include <retinue/augment/window.hpp>       // a border, a larger canvas
