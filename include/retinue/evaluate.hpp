// SPDX-License-Identifier: Apache-2.0
// How good are detections? Each evaluation takes images one by one with add(detections, truths),
// and its result() carries the protocol beside the figures: describe() prints both.
#pragma once

#include <retinue/evaluate/coco.hpp>            // the twelve figures of COCO
#include <retinue/evaluate/curve.hpp>           // precision against recall
#include <retinue/evaluate/inputs.hpp>          // what detections and truths must have
#include <retinue/evaluate/landmark_error.hpp>  // NME
#include <retinue/evaluate/matching.hpp>        // who found what
#include <retinue/evaluate/voc.hpp>             // average precision, per class
#include <retinue/evaluate/wider.hpp>           // easy, medium, hard
