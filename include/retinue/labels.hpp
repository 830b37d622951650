// SPDX-License-Identifier: Apache-2.0
// How a row of class scores is read.
#pragma once

#include <retinue/labels/any_labels.hpp>  // one of these, chosen at run time
#include <retinue/labels/given.hpp>       // probabilities as they stand
#include <retinue/labels/policy.hpp>      // the concept
#include <retinue/labels/quality.hpp>     // times objectness or quality
#include <retinue/labels/sigmoid.hpp>     // a sigmoid for each class
#include <retinue/labels/softmax.hpp>     // softmax with a background
#include <retinue/labels/weighted.hpp>    // softmax with a weight for each class
