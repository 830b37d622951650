// expected: a cost of a logit must be a template over the coordinate T
// SPDX-License-Identifier: Apache-2.0
// A cost of floats alone has no slope.
#include <retinue/labels.hpp>

using namespace retinue;

struct squared {
#ifdef CORRECTED
  template <class T>
  T operator()(const T& x, const T& target) const
#else
  float operator()(float x, float target) const
#endif
  {
    const auto wrong = sigmoid(x) - target;
    return wrong * wrong;
  }
};

template struct retinue::sigmoid_labels<squared>;
