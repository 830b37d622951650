// SPDX-License-Identifier: Apache-2.0
// What a detector and its training need of retinue, with nothing but the standard library. On top
// come, by hand: another backend (retinue/backend/eigen.hpp or retinue/backend/libtorch.hpp),
// retinue/augment.hpp and retinue/evaluate.hpp.
#pragma once

#include <retinue/anchors.hpp>              // where the anchors of each level lie
#include <retinue/backend.hpp>              // what a tensor backend must do
#include <retinue/backend/host.hpp>         // the one of host memory
#include <retinue/backend/table.hpp>        // records as columns and rows
#include <retinue/compiler.hpp>             // version and compiler
#include <retinue/detect.hpp>               // from a network's outputs to detections
#include <retinue/error.hpp>                // how bad input is refused
#include <retinue/formulas/coders.hpp>      // boxes and landmarks to offsets, and back
#include <retinue/formulas/coordinate.hpp>  // what a coordinate must do
#include <retinue/formulas/overlap.hpp>     // iou and its kin
#include <retinue/geometry.hpp>             // boxes
#include <retinue/labels.hpp>               // how class scores are read
#include <retinue/landmarks.hpp>            // landmark schemas
#include <retinue/losses.hpp>               // what a prediction costs
#include <retinue/matchers.hpp>             // which anchor answers for which truth
#include <retinue/select.hpp>               // scores to rows
#include <retinue/suppress.hpp>             // many detections to one each
