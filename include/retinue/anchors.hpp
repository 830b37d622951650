// SPDX-License-Identifier: Apache-2.0
// Where the anchors of each level lie.
//
// A level is one feature map. Each of its cells has `per_cell` anchors around one centre; in a
// table they follow one another by level, row, column, anchor, as the network's outputs do.
// Centres and sides are fractions of the image's sides.
#pragma once

#include <retinue/anchors/any_anchors.hpp>     // some of these, chosen at run time
#include <retinue/anchors/clusters.hpp>        // the sides that fit a data set
#include <retinue/anchors/default_boxes.hpp>   // SSD: sizes, an extra scale, aspect ratios
#include <retinue/anchors/grid.hpp>            // the concept, and the table of all anchors
#include <retinue/anchors/layout.hpp>          // the grid that they lie on
#include <retinue/anchors/listed_anchors.hpp>  // YOLO: widths and heights
#include <retinue/anchors/near.hpp>            // those near a box
#include <retinue/anchors/point_anchors.hpp>  // FCOS, YOLOX, SCRFD: points with the stride for a side
#include <retinue/anchors/ratio_anchors.hpp>   // RPN, RetinaNet: scales and ratios
#include <retinue/anchors/square_anchors.hpp>  // RetinaFace: squares of given sides per level
