// SPDX-License-Identifier: Apache-2.0
// Which anchor answers for which truth, or for none, or is left out of the loss.
#pragma once

#include <retinue/matchers/adaptive_matcher.hpp>  // adaptive_matcher: ATSS
#include <retinue/matchers/aligned_matcher.hpp>   // aligned_matcher: TOOD, YOLOv8
#include <retinue/matchers/any_matcher.hpp>       // one of these, chosen at run time
#include <retinue/matchers/assignment.hpp>        // verdict, assignment, matcher
#include <retinue/matchers/coverage.hpp>          // coverage_report
#include <retinue/matchers/dynamic_k.hpp>         // dynamic_k_matcher: SimOTA, dynamic soft label
#include <retinue/matchers/one_to_one.hpp>        // one_to_one_matcher: DETR
#include <retinue/matchers/overlap_matcher.hpp>   // overlap_matcher: SSD, RPN, RetinaNet
#include <retinue/matchers/uniform_matcher.hpp>   // uniform_matcher: YOLOF
