// SPDX-License-Identifier: Apache-2.0
// How the bodies of config/bodies.hpp are made.
#pragma once

#include <retinue/config/bodies.hpp>   // known_bodies
#include <retinue/config/nearest.hpp>  // listed
#include <retinue/error.hpp>           // fail
#include <retinue/models/body.hpp>     // body
#include <retinue/models/mobilenet_v1.hpp>
#include <retinue/models/resnet.hpp>
#include <retinue/models/vgg16.hpp>

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>

namespace retinue {

/// `slope` is that of the activations below zero, where a body has a choice of them.
struct body_maker {
  std::string_view name;
  std::shared_ptr<body> (*make)(double slope);  ///< a new one
};

/// Those of known_bodies, in their order.
inline constexpr std::array body_makers{
    body_maker{"mobilenet_v1_0.25",
               [](double slope) -> std::shared_ptr<body> {
                 return std::make_shared<mobilenet_v1>(0.25, slope);
               }},
    body_maker{"resnet50",
               [](double) -> std::shared_ptr<body> { return std::make_shared<resnet>(); }},
    body_maker{"vgg16", [](double) -> std::shared_ptr<body> { return std::make_shared<vgg16>(); }}};

namespace detail {
[[nodiscard]] consteval bool are_makers_of_known_bodies()
{
  if (body_makers.size() != known_bodies.size()) return false;
  for (std::size_t i = 0; i < body_makers.size(); ++i)
    if (body_makers[i].name != known_bodies[i].name) return false;
  return true;
}
static_assert(are_makers_of_known_bodies(),
              "a body stands in config/bodies.hpp and in models/bodies.hpp, at the same place");
}  // namespace detail

/// Makes the body of that name, anew at each call; for the options of a network.
[[nodiscard]] inline std::function<std::shared_ptr<body>()> body_named(std::string_view name,
                                                                       double slope)
{
  for (const body_maker& maker : body_makers)
    if (maker.name == name) return [make = maker.make, slope] { return make(slope); };
  fail("the network's body is '", name, "', expected one of ", detail::listed(body_names()));
}

}  // namespace retinue
