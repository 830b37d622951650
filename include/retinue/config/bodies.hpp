// SPDX-License-Identifier: Apache-2.0
// The bodies that a configuration may name, and what is known of them without LibTorch.
//
// A body of yours: its module in a header of its own, a line here, and one in models/bodies.hpp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace retinue {

/// How weights tell a body: by names of its parameters, without the name of its part.
struct body_signs {
  std::string_view family;                ///< a convolution that bodies like it have, too
  std::string_view others;                ///< what those are, for messages
  std::int64_t rows = 0;                  ///< of that convolution; 0: any
  std::array<std::string_view, 2> has{};  ///< what it has besides; "" is nothing
  std::string_view lacks{};               ///< what only others have; "" is nothing
};

/// A body by its name.
struct known_body {
  std::string_view name, what;  ///< in a configuration, and for people
  std::array<int, 4> strides;   ///< of its maps, rising; 0 is none
  bool normalized;              ///< whether batch normalization keeps its maps of one magnitude
  std::string_view part;        ///< what an SSD calls it in the names of its parameters
  body_signs signs;

  [[nodiscard]] constexpr bool offers(int stride) const
  {
    for (const int s : strides)
      if (s == stride && s > 0) return true;
    return false;
  }
  /// The last of the strides.
  [[nodiscard]] constexpr int coarsest() const
  {
    int last = 0;
    for (const int s : strides) last = s > 0 ? s : last;
    return last;
  }
};

/// All bodies that a configuration may name.
inline constexpr std::array known_bodies{
    known_body{"mobilenet_v1_0.25",
               "MobileNet V1 x 0.25",
               {8, 16, 32},
               true,
               "body",
               {"stage1.0.0.weight", "a MobileNet of another width", 8}},
    known_body{"mobilenet_v1_0.5",
               "MobileNet V1 x 0.5",
               {8, 16, 32},
               true,
               "body",
               {"stage1.0.0.weight", "a MobileNet of another width", 16}},
    known_body{"mobilenet_v1",
               "MobileNet V1",
               {8, 16, 32},
               true,
               "body",
               {"stage1.0.0.weight", "a MobileNet of another width", 32}},
    known_body{"resnet18",
               "ResNet-18",
               {4, 8, 16, 32},
               true,
               "body",
               {"layer1.0.conv1.weight",
                "a ResNet of another depth",
                64,
                {"layer1.1.conv2.weight", "layer3.1.conv1.weight"},
                "layer1.2.conv1.weight"}},
    known_body{"resnet34",
               "ResNet-34",
               {4, 8, 16, 32},
               true,
               "body",
               {"layer1.0.conv1.weight",
                "a ResNet of another depth",
                64,
                {"layer1.2.conv2.weight", "layer3.5.conv1.weight"},
                "layer1.0.conv3.weight"}},
    known_body{"resnet50",
               "ResNet-50",
               {4, 8, 16, 32},
               true,
               "body",
               {"layer1.0.conv1.weight",
                "a ResNet of another depth",
                64,
                {"layer1.0.conv3.weight", "layer3.5.conv1.weight"},
                "layer3.6.conv1.weight"}},
    known_body{"vgg16",
               "VGG-16",
               {8, 16},
               false,
               "vgg",
               {"0.weight", "a VGG of another depth", 64, {"31.weight", "33.weight"}}},
    known_body{"ultra_light_slim",
               "Ultra-Light slim",
               {8, 16, 32},
               true,
               "body",
               {"0.0.weight", "an Ultra-Light of another kind", 16, {"7.3.weight", "12.3.weight"}}},
    known_body{"ultra_light_rfb",
               "Ultra-Light RFB",
               {8, 16, 32},
               true,
               "body",
               {"0.0.weight",
                "an Ultra-Light of another kind",
                16,
                {"7.branch0.0.conv.weight", "12.3.weight"}}},
    known_body{"yunet_s",
               "YuNet-s",
               {8, 16, 32},
               true,
               "backbone",
               {"model1.conv2.conv1.weight", "a YuNet of another width", 32}},
    known_body{"yunet_n",
               "YuNet-n",
               {8, 16, 32},
               true,
               "backbone",
               {"model1.conv2.conv1.weight", "a YuNet of another width", 64}}};

/// The names of all bodies.
[[nodiscard]] inline std::vector<std::string_view> body_names()
{
  std::vector<std::string_view> names;
  for (const known_body& body : known_bodies) names.push_back(body.name);
  return names;
}

/// Null where there is none of that name.
[[nodiscard]] inline const known_body* find_body(std::string_view name)
{
  for (const known_body& body : known_bodies)
    if (body.name == name) return &body;
  return nullptr;
}

}  // namespace retinue
