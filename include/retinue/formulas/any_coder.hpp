// SPDX-License-Identifier: Apache-2.0
// A coding of boxes and landmarks that is chosen at run time: of four numbers a box, whichever they
// are. Which one is asked once a packet, or once a column.
#pragma once

#include <retinue/compiler.hpp>            // RETINUE_HD
#include <retinue/formulas/choice.hpp>     // ask
#include <retinue/formulas/coders.hpp>     // centre_size_coder
#include <retinue/formulas/deltas.hpp>     // delta_coder
#include <retinue/formulas/distances.hpp>  // distance_coder
#include <retinue/geometry.hpp>            // box, centre_box
#include <retinue/landmarks.hpp>           // landmarks

#include <concepts>
#include <utility>
#include <variant>

namespace retinue {

/// One of the shipped coders; its functions are those of the one that it holds. The four numbers of
/// any are called `offsets`.
struct any_coder {
  using one_of = std::variant<centre_size_coder, delta_coder, distance_coder>;

  /// Each landmark is coded by itself, so that a program may do one at a time.
  static constexpr bool point_by_point = true;

  one_of choice;

  any_coder() = default;
  template <class C>
    requires std::constructible_from<one_of, C>
  any_coder(C chosen) : choice(std::move(chosen))
  {
  }

  template <class T>
  [[nodiscard]] RETINUE_HD offsets<T> encode(const box<T>& truth, const centre_box<T>& anchor) const
  {
    return detail::ask(choice, [&](const auto& coder) {
      const auto code = coder.encode(truth, anchor);
      return offsets<T>{code[0], code[1], code[2], code[3]};
    });
  }
  template <class T>
  [[nodiscard]] RETINUE_HD box<T> decode(const offsets<T>& o, const centre_box<T>& anchor) const
  {
    return detail::ask(choice, [&]<class C>(const C& coder) {
      return coder.decode(box_code_t<C, T>{o.dx, o.dy, o.dw, o.dh}, anchor);
    });
  }
  template <class T, landmark_schema Schema>
  [[nodiscard]] RETINUE_HD landmark_offsets<T, Schema> encode(const landmarks<T, Schema>& truth,
                                                              const centre_box<T>& anchor) const
  {
    return detail::ask(choice, [&](const auto& coder) { return coder.encode(truth, anchor); });
  }
  template <class T, landmark_schema Schema>
  [[nodiscard]] RETINUE_HD landmarks<T, Schema> decode(const landmark_offsets<T, Schema>& o,
                                                       const centre_box<T>& anchor) const
  {
    return detail::ask(choice, [&](const auto& coder) { return coder.decode(o, anchor); });
  }
};
static_assert(coder<any_coder, schemas::face5>);

}  // namespace retinue
