// SPDX-License-Identifier: Apache-2.0
// From many overlapping detections to one each. Needs nothing but the standard library.
#pragma once

#include <retinue/suppress/greedy.hpp>      // keep the best, drop what overlaps it
#include <retinue/suppress/per_class.hpp>   // boxes of different classes leave each other alone
#include <retinue/suppress/soft.hpp>        // lower the scores of what overlaps, linear or gaussian
#include <retinue/suppress/suppressor.hpp>  // the concept
