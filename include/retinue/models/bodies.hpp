// SPDX-License-Identifier: Apache-2.0
// How the bodies of config/bodies.hpp are made.
#pragma once

#include <retinue/anchors/any_anchors.hpp>  // any_anchors
#include <retinue/config/bodies.hpp>        // known_bodies
#include <retinue/config/nearest.hpp>       // listed
#include <retinue/error.hpp>                // fail
#include <retinue/models/body.hpp>          // body
#include <retinue/models/mobilenet_v1.hpp>
#include <retinue/models/resnet.hpp>
#include <retinue/models/ultra_light.hpp>
#include <retinue/models/vgg16.hpp>
#include <retinue/models/yunet_body.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

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
    body_maker{"mobilenet_v1_0.5",
               [](double slope) -> std::shared_ptr<body> {
                 return std::make_shared<mobilenet_v1>(0.5, slope);
               }},
    body_maker{"mobilenet_v1",
               [](double slope) -> std::shared_ptr<body> {
                 return std::make_shared<mobilenet_v1>(1.0, slope);
               }},
    body_maker{"resnet18",
               [](double) -> std::shared_ptr<body> {
                 return std::make_shared<resnet>(resnet_shape::of_18());
               }},
    body_maker{"resnet34",
               [](double) -> std::shared_ptr<body> {
                 return std::make_shared<resnet>(resnet_shape::of_34());
               }},
    body_maker{"resnet50",
               [](double) -> std::shared_ptr<body> { return std::make_shared<resnet>(); }},
    body_maker{"vgg16", [](double) -> std::shared_ptr<body> { return std::make_shared<vgg16>(); }},
    body_maker{"ultra_light_slim",
               [](double slope) -> std::shared_ptr<body> {
                 return std::make_shared<ultra_light>(false, slope);
               }},
    body_maker{"ultra_light_rfb",
               [](double slope) -> std::shared_ptr<body> {
                 return std::make_shared<ultra_light>(true, slope);
               }},
    body_maker{"yunet_s",
               [](double slope) -> std::shared_ptr<body> {
                 return std::make_shared<yunet_body>(32, slope);
               }},
    body_maker{"yunet_n", [](double slope) -> std::shared_ptr<body> {
                 return std::make_shared<yunet_body>(64, slope);
               }}};

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

/// Makes the body of that name, anew at each call; for the options of a network. Throws where there
/// is none of that name.
[[nodiscard]] inline std::function<std::shared_ptr<body>()> body_named(std::string_view name,
                                                                       double slope)
{
  for (const body_maker& maker : body_makers)
    if (maker.name == name) return [make = maker.make, slope] { return make(slope); };
  fail("the network's body is '", name, "', expected one of ", detail::listed(body_names()));
}

/// The levels that heads have for these anchors.
[[nodiscard]] inline std::vector<anchored_level> levels_of(const any_anchors& anchors)
{
  std::vector<anchored_level> levels;
  for (std::size_t l = 0; l < anchors.levels(); ++l)
    levels.push_back({anchors.stride(l), static_cast<std::int64_t>(anchors.per_cell(l))});
  return levels;
}

}  // namespace retinue
