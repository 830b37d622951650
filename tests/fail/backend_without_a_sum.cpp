// expected: a backend must have the types table, output, view
// SPDX-License-Identifier: Apache-2.0
// A backend that forgets one of the things that are done to whole tables.
#include <retinue/backend/host.hpp>
#include <retinue/detect.hpp>

using namespace retinue;

struct mine : host_backend {
#ifndef CORRECTED
  void total() = delete;
#endif
};

template class retinue::detector<schemas::none, mine>;
