// SPDX-License-Identifier: Apache-2.0
// What most detectors and their training need of retinue, with nothing but the standard library:
// the core, and of each family the members that RetinaFace and SSD are made of. The others are a
// line each, by member or by family:
//
//   retinue/anchors.hpp    ratio, point and listed anchors, k-means
//   retinue/labels.hpp     softmax with a weight for each class
//   retinue/matchers.hpp   ATSS, SimOTA, task-aligned, uniform, one to one
//   retinue/losses.hpp     quality and distribution focal, centre-ness, keypoint similarity
//   retinue/suppress.hpp   soft, matrix, voting, fusion, any measure, rotated boxes
//   retinue/augment.hpp, retinue/evaluate.hpp
//
// Another backend comes by hand, too: retinue/backend/eigen.hpp, retinue/backend/libtorch.hpp.
#pragma once

#include <retinue/anchors/default_boxes.hpp>     // SSD's: sizes, an extra scale, aspect ratios
#include <retinue/anchors/grid.hpp>              // where the anchors of each level lie
#include <retinue/anchors/square_anchors.hpp>    // RetinaFace's: squares of given sides per level
#include <retinue/backend.hpp>                   // what a tensor backend must do
#include <retinue/backend/host.hpp>              // the one of host memory
#include <retinue/backend/table.hpp>             // records as columns and rows
#include <retinue/compiler.hpp>                  // version and compiler
#include <retinue/detect.hpp>                    // from a network's outputs to detections
#include <retinue/error.hpp>                     // how bad input is refused
#include <retinue/formulas/coders.hpp>           // boxes and landmarks to offsets, and back
#include <retinue/formulas/coordinate.hpp>       // what a coordinate must do
#include <retinue/formulas/cross_entropy.hpp>    // softmax over classes, sigmoid
#include <retinue/formulas/overlap.hpp>          // iou and its kin
#include <retinue/formulas/overlap_losses.hpp>   // 1 - iou and its kin
#include <retinue/formulas/residual.hpp>         // smooth L1, wing and their kin
#include <retinue/geometry.hpp>                  // boxes
#include <retinue/labels/any_labels.hpp>         // how class scores are read
#include <retinue/landmarks.hpp>                 // landmark schemas
#include <retinue/losses/hard_negatives.hpp>     // which negatives are learned from
#include <retinue/losses/multibox.hpp>           // boxes, classes and landmarks together
#include <retinue/matchers/overlap_matcher.hpp>  // which anchor answers for which truth
#include <retinue/select.hpp>                    // scores to rows
#include <retinue/suppress/greedy.hpp>           // keep the best, drop what overlaps it
#include <retinue/suppress/per_class.hpp>  // boxes of different classes leave each other alone
