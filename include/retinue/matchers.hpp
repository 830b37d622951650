// SPDX-License-Identifier: Apache-2.0
// Which anchor answers for which truth, or for none, or is left out of the loss.
#pragma once

#include <retinue/matchers/assignment.hpp>       // verdict, assignment, matcher
#include <retinue/matchers/dynamic_k.hpp>        // dynamic_k_matcher
#include <retinue/matchers/overlap_matcher.hpp>  // overlap_matcher
