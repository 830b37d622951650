// SPDX-License-Identifier: Apache-2.0
// A RetinaFace in a configuration.
#pragma once

#include <retinue/config/bodies.hpp>  // find_body
#include <retinue/config/rules.hpp>   // between

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace retinue {

/// What a RetinaFace has behind its body.
struct retinaface_form {
  static constexpr std::string_view kind = "retinaface";
  static constexpr std::array<std::string_view, 2> signs{"network.channels", "network.neck_slope"};

  std::int64_t channels = 64;  ///< of the pyramid
  std::int64_t context = 0;    ///< channels of the context, a multiple of 4; 0: as the pyramid has
  double slope = 0;            ///< of LeakyReLU in both; 0 is ReLU
  bool neck_bias = false;      ///< whether the convolutions of both have a bias, too

  [[nodiscard]] std::int64_t context_channels() const { return context > 0 ? context : channels; }

  template <class Config>
  static void begin(Config&)
  {
  }

  template <class Fields, class Form>
  static void describe(Fields& network, Form& form)
  {
    network("channels", form.channels, detail::between{1, 4096});
    network("context_channels", form.context, detail::between{0, 4096});
    network("neck_slope", form.slope, detail::between{0, 1});
    network("neck_bias", form.neck_bias, detail::yes_or_no{});
  }

  template <class Config, class Refuse>
  void check(const Config& c, const Refuse& refuse) const
  {
    if (context_channels() % 4 != 0)
      refuse(context > 0 ? "network.context_channels" : "network.channels", " is ",
             context_channels(), ", expected a multiple of 4");
    for (std::size_t l = 0; l < c.anchors.levels(); ++l)
      if (const int stride = c.anchors.stride(l); !find_body(c.body)->offers(stride))
        refuse(c.anchors.stride_key(l), " is ", stride, ", which ", c.body, " does not offer");
  }
};

}  // namespace retinue
