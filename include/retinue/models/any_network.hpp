// SPDX-License-Identifier: Apache-2.0
// The network that a configuration describes, of whatever kind, and its detector.
//
//   with_network(config, [&]<class Network>(std::shared_ptr<Network> network) {
//     load(*network, weights);
//     configured_detector<Network> detect(network, decoding_of(config));
//   });
//
// Each kind is compiled for each of the landmark schemas that it may have.
#pragma once

#include <retinue/config/network_config.hpp>    // network_config
#include <retinue/error.hpp>                    // fail
#include <retinue/landmarks.hpp>                // with_schema_of
#include <retinue/models/bodies.hpp>            // body_named
#include <retinue/models/network_detector.hpp>  // network_detector
#include <retinue/models/retinaface.hpp>        // retinaface
#include <retinue/models/ssd.hpp>               // ssd
#include <retinue/suppress/any_greedy.hpp>      // any_greedy_suppressor

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

namespace retinue {

/// The network of a kind for a schema; of a kind of yours, specialize it.
template <class Form, landmark_schema Schema>
struct network_of {};
/// A RetinaFace, of any schema.
template <landmark_schema Schema>
struct network_of<retinaface_form, Schema> {
  using type = retinaface<Schema>;
};
/// An SSD, which has no landmarks.
template <>
struct network_of<ssd_form, schemas::none> {
  using type = ssd;
};

namespace detail {

[[nodiscard]] inline std::vector<anchored_level> levels_of(const any_anchors& anchors)
{
  std::vector<anchored_level> levels;
  for (std::size_t l = 0; l < anchors.levels(); ++l)
    levels.push_back({anchors.stride(l), static_cast<std::int64_t>(anchors.per_cell(l))});
  return levels;
}

[[nodiscard]] inline std::int64_t columns_of(const network_config& config)
{
  return static_cast<std::int64_t>(config.labels.columns(config.classes.size()));
}

}  // namespace detail

/// What a network of that kind is built from; of a kind of yours, overload it.
[[nodiscard]] inline retinaface_options network_options(const network_config& config,
                                                        const retinaface_form& form)
{
  retinaface_options options;
  options.body = body_named(config.body, config.body_slope);
  options.levels = detail::levels_of(config.anchors);
  options.channels = form.channels;
  options.classes = detail::columns_of(config);
  options.slope = form.slope;
  return options;
}
/// The same of an SSD.
[[nodiscard]] inline ssd_options network_options(const network_config& config, const ssd_form& form)
{
  const known_body* const known = find_body(config.body);
  ssd_options options;
  options.body = body_named(config.body, config.body_slope);
  if (known) options.body_name = known->part;
  options.unit_length = known && !known->normalized;
  options.extras = form.extras;
  options.levels = detail::levels_of(config.anchors);
  options.classes = detail::columns_of(config);
  return options;
}

/// Calls visit(schema) with the schema of its landmarks. Throws where the program is not compiled
/// for their number.
template <class Visit>
void with_landmarks(const network_config& config, Visit&& visit)
{
  if (!with_schema_of(config.landmarks, visit))
    fail("the network has ", config.landmarks,
         " landmarks; this program is compiled for 0, 1, 4, 5, 17, 68 and 98: add a schema to "
         "retinue::schemas::shipped");
}

/// Calls visit(network) with a new one that has this schema, a std::shared_ptr. Throws where its
/// kind has none such.
template <landmark_schema Schema, class Visit>
void with_network(const network_config& config, Visit&& visit)
{
  std::visit(
      [&]<class Form>(const Form& form) {
        if constexpr (requires { typename network_of<Form, Schema>::type; })
          visit(std::make_shared<typename network_of<Form, Schema>::type>(
              network_options(config, form)));
        else
          fail("the network has ", Schema::count, " landmarks, of which the kind ", Form::kind,
               " has none");
      },
      config.form);
}

/// The same with the schema that the configuration says.
template <class Visit>
void with_network(const network_config& config, Visit&& visit)
{
  with_landmarks(config, [&]<class Schema>(Schema) { with_network<Schema>(config, visit); });
}

/// How its outputs become detections, as the configuration says.
[[nodiscard]] inline auto decoding_of(const network_config& config)
{
  return decoding<any_anchors, centre_size_coder, any_labels, any_greedy_suppressor>{
      config.anchors, config.coder, config.labels, config.detect,
      any_greedy_suppressor(config.inclusive_pixels, config.detect.overlap, config.detect.keep)};
}

/// A trained network of a configuration with its post-processing.
template <detection_network Network>
using configured_detector =
    network_detector<Network, decltype(decoding_of(std::declval<const network_config&>()))>;

}  // namespace retinue
