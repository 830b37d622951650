// expected: a policy of qualities must have of_score and of_part
// SPDX-License-Identifier: Apache-2.0
// A head may have a part beside the scores, which has a quality, too.
#include <retinue/backend/host.hpp>
#include <retinue/losses.hpp>

using namespace retinue;

struct mine {
  static constexpr bool of_negatives = true;
  template <class T>
  T of_score(const box<T>&, const box<T>&, const centre_box<T>&, const T& given) const
  {
    return given;
  }
#ifdef CORRECTED
  template <class T>
  T of_part(const box<T>&, const box<T>&, const centre_box<T>&, const T& given) const
  {
    return given;
  }
#endif
};

template struct retinue::multibox_settings<schemas::none, centre_size_coder, hard_negatives,
                                           smooth_l1, smooth_l1, softmax_labels, mine>;
