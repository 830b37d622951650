// SPDX-License-Identifier: Apache-2.0
// A trained network with its post-processing: from a batch of images to detections. Training's
// evaluation and the programs that deploy a network decode through this one class.
//
// Outputs in host memory are viewed where they lie; those of another device are decoded there, and
// only detections come back.
#pragma once

#include <retinue/backend/eigen.hpp>     // post-processing on the host
#include <retinue/backend/libtorch.hpp>  // post-processing on another device
#include <retinue/detect.hpp>            // detector, frame
#include <retinue/models/network.hpp>    // detection_network, network_outputs
#include <retinue/models/runner.hpp>     // runner

#include <torch/torch.h>

#include <concepts>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace retinue {

/// What stands between a network's outputs and detections: an anchor_source, a coder, a
/// label_policy and a suppressor.
template <class Anchors = square_anchors, class Coder = centre_size_coder,
          class Labels = softmax_labels, class Suppressor = greedy_suppressor<>>
struct decoding {
  Anchors anchors;
  Coder coder{};
  Labels labels{};
  detect_options options{};
  Suppressor suppress{options.overlap, options.keep};
};

namespace detail {
template <class Network>
struct runner_for {
  using type = Network;
};
template <detection_network Network>
struct runner_for<Network> {
  using type = runner<Network>;
};
}  // namespace detail

/// Of any network, or of any runner of one, and any decoding whose coder knows its landmarks.
template <class Network, class Decoding>
  requires detection_network<Network> || network_runner<Network>
class network_detector {
 public:
  using schema = typename Network::schema;
  using detections = std::vector<detection<schema>>;
  using runner_type = typename detail::runner_for<Network>::type;  ///< who runs it

  /// Keeps a copy of a network in the form in which it is run best. One that comes as a shared_ptr
  /// is taken over: it is to be trained no more. A runner is kept as it is. Throws where no copy
  /// can be made.
  template <class From>
    requires std::constructible_from<runner_type, From>
  network_detector(From&& trained, Decoding how)
      : network_(std::forward<From>(trained)),
        how_(std::move(how)),
        on_host_(finder(eigen_backend()))
  {
  }

  /// What the network says of images (B, 3, H, W), prepared as the configuration's input says.
  [[nodiscard]] network_outputs predict(const at::Tensor& images) const { return network_(images); }

  /// found[i] are the detections of image i, in pixels of its original picture, best first. Throws
  /// as `detector` does.
  void find(const network_outputs& said, std::span<const frame> images,
            std::vector<detections>& found)
  {
    const at::Tensor& scores = said.scores.values;
    if (scores.defined() && !scores.is_cpu()) {
      if (!on_device_) on_device_.emplace(finder(libtorch_backend(scores.device())));
      (*on_device_)(said, images, found);
    } else {
      const host_outputs<eigen_backend> view(said);
      on_host_(view.said, images, found);
    }
  }

  void operator()(const at::Tensor& images, std::span<const frame> frames,
                  std::vector<detections>& found)
  {
    find(predict(images), frames, found);
  }

 private:
  template <class B>
  using finder_over = detector<schema, B, decltype(Decoding::anchors), decltype(Decoding::coder),
                               decltype(Decoding::suppress), decltype(Decoding::labels)>;

  template <class B>
  [[nodiscard]] finder_over<B> finder(B backend) const
  {
    return {how_.anchors, how_.options, how_.coder, std::move(backend), how_.suppress, how_.labels};
  }

  runner_type network_;
  Decoding how_;
  finder_over<eigen_backend> on_host_;
  std::optional<finder_over<libtorch_backend>> on_device_;
};

}  // namespace retinue
