// SPDX-License-Identifier: Apache-2.0
// A trained network as ONNX, for runtimes other than LibTorch.
//
//   write_onnx("faces.onnx", onnx_of(*net));
//
// The network is not described a second time: LibTorch records which operators its forward calls,
// and each of these is written as its counterpart in ONNX. So any network can be written, one of a
// user's too, if `onnx_translation` knows its operators.
//
// A record holds numbers where forward computed them from the size of its input. Two records are
// made therefore, of inputs of different sizes: what they agree on is a constant, what they do not
// must be an extent that the file's reader can find again, or else the network is refused.
//
//   input     images (batch, 3, height, width), as `forward` takes them
//   outputs   scores, boxes, points, quality, those that the network has, as `forward` gives them
#pragma once

#include <retinue/error.hpp>                  // fail
#include <retinue/geometry.hpp>               // extent2
#include <retinue/models/load.hpp>            // named_state
#include <retinue/models/network.hpp>         // detection_network
#include <retinue/models/onnx_graph.hpp>      // graph
#include <retinue/models/onnx_layouts.hpp>    // what moves numbers
#include <retinue/models/onnx_operators.hpp>  // what computes
#include <retinue/models/onnx_record.hpp>     // record, node
#include <retinue/models/runner.hpp>          // copy_of
#include <retinue/weights/onnx.hpp>           // onnx_model

#include <torch/csrc/jit/frontend/tracer.h>  // trace
#include <torch/torch.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace retinue {

/// The pictures that a file is made for; a batch of them may have any length.
struct onnx_pictures {
  /// The one size that they have. {0, 0}: any whose sides are multiples of `multiple`, for which
  /// each map must be an exact multiple of the next.
  extent2 size{0, 0};
  int multiple = 32;
};

namespace detail {

/// Two records of one network, its inputs of different sizes, translated operator by operator.
class onnx_translation {
 public:
  /// `outputs` are the names of what the records return.
  [[nodiscard]] static onnx_model make(const onnx::record& first, const onnx::record& second,
                                       const std::vector<std::string>& outputs,
                                       const std::vector<std::pair<std::string, at::Tensor>>& state)
  {
    onnx::graph to(state);
    to.take_input({first->inputs().at(0), second->inputs().at(0)}, "images");
    for (std::size_t i = 0; i < outputs.size(); ++i)
      to.want_output({first->outputs().at(i), second->outputs().at(i)}, outputs[i]);
    auto a = first->nodes().begin(), b = second->nodes().begin();
    for (; a != first->nodes().end() && b != second->nodes().end(); ++a, ++b) {
      if (a->kind() != b->kind() || a->inputs().size() != b->inputs().size()) break;
      translate(to, {*a, *b});
    }
    if (a != first->nodes().end() || b != second->nodes().end())
      fail("the network cannot be written as ONNX: what it does depends on the size of its input");
    return std::move(to).take();
  }

 private:
  using translator = void (*)(onnx::graph&, const onnx::node&);

  /// Every operator that can be written. What is not here is refused by its name.
  static const std::map<std::string_view, translator>& translators()
  {
    static const std::map<std::string_view, translator> all{
        {"_convolution", &onnx::convolution},
        {"convolution", &onnx::convolution},
        {"batch_norm", &onnx::normalization},
        {"group_norm", &onnx::group_normalization},
        {"relu", &onnx::unary},
        {"sigmoid", &onnx::unary},
        {"tanh", &onnx::unary},
        {"exp", &onnx::unary},
        {"sqrt", &onnx::unary},
        {"silu", &onnx::gated},
        {"leaky_relu", &onnx::leaky},
        {"prelu", &onnx::learnt_slope},
        {"relu6", &onnx::bounds},
        {"hardtanh", &onnx::bounds},
        {"clamp", &onnx::bounds},
        {"softmax", &onnx::softmax},
        {"add", &onnx::arithmetic},
        {"sub", &onnx::arithmetic},
        {"mul", &onnx::arithmetic},
        {"div", &onnx::arithmetic},
        {"pow", &onnx::arithmetic},
        {"sum", &onnx::reduction},
        {"mean", &onnx::reduction},
        {"max_pool2d", &onnx::pooling},
        {"avg_pool2d", &onnx::pooling},
        {"adaptive_avg_pool2d", &onnx::global_pooling},
        {"upsample_nearest2d", &onnx::enlargement},
        {"cat", &onnx::concatenation},
        {"slice", &onnx::part},
        {"permute", &onnx::permutation},
        {"transpose", &onnx::permutation},
        {"reshape", &onnx::shape},
        {"view", &onnx::shape},
        {"flatten", &onnx::shape},
        {"unsqueeze", &onnx::shape},
        {"squeeze", &onnx::shape},
        {"contiguous", &onnx::nothing},
        {"clone", &onnx::nothing},
        {"detach", &onnx::nothing},
        {"dropout", &onnx::nothing},
    };
    return all;
  }

  static void translate(onnx::graph& to, const onnx::node& n)
  {
    const std::string kind = n.first->kind().toQualString();
    if (kind == "prim::ListUnpack") return onnx::parts(to, n);
    // Lists and what makes them are read where they are used.
    if (kind.starts_with("prim::") || kind == "aten::split" || kind == "aten::split_with_sizes" ||
        kind == "aten::chunk")
      return;
    if (to.evaluate(n)) return;
    const auto at = translators().find(n.operation());
    if (!kind.starts_with("aten::") || at == translators().end())
      onnx::refuse(n, "has no translation");
    at->second(to, n);
  }
};

/// While it lives, weights are folded as plain tensors, which a record can show.
class without_packing {
 public:
  without_packing() : before_(at::globalContext().userEnabledMkldnn())
  {
    at::globalContext().setUserEnabledMkldnn(false);
  }
  ~without_packing() { at::globalContext().setUserEnabledMkldnn(before_); }
  without_packing(const without_packing&) = delete;
  without_packing& operator=(const without_packing&) = delete;

 private:
  bool before_;
};

/// The parts of outputs that there are, and their names in a file.
[[nodiscard]] inline std::vector<std::pair<std::string, at::Tensor>> named_parts(
    const network_outputs& said)
{
  std::vector<std::pair<std::string, at::Tensor>> parts;
  const auto take = [&](const char* name, const at::Tensor& part) {
    if (part.defined()) parts.emplace_back(name, part);
  };
  take("scores", said.scores.values);
  take("boxes", said.boxes.values);
  take("points", said.points.values);
  take("quality", said.quality.values);
  return parts;
}

}  // namespace detail

/// The network in its folded form, where it has one: as a runner runs it, to rounding. Not while
/// another thread runs or folds networks, for oneDNN is switched off meanwhile. Throws, and names
/// the operator, where it has one that cannot be written.
template <detection_network Network>
[[nodiscard]] onnx_model onnx_of(const Network& trained, const onnx_pictures& pictures = {})
{
  const torch::NoGradGuard inference;
  const detail::without_packing plain;
  const std::shared_ptr<Network> network = copy_of(trained);
  network->to(at::kCPU, at::kFloat);
  network->eval();
  if constexpr (foldable<Network>) network->fold();
  for (at::Tensor& parameter : network->parameters()) parameter.set_requires_grad(false);

  std::vector<std::string> names;
  const auto record = [&](std::int64_t batch, extent2 size) {
    const auto run = [&](torch::jit::Stack inputs) {
      torch::jit::Stack results;
      names.clear();
      for (auto& [name, part] : detail::named_parts(network->forward(inputs.at(0).toTensor()))) {
        names.push_back(name);
        results.push_back(part);
      }
      return results;
    };
    const auto nameless = [](const at::Tensor&) { return std::string(); };
    return torch::jit::tracer::trace({at::rand({batch, 3, size.height, size.width})}, run, nameless,
                                     false, /*force_outplace=*/true)
        .first->graph;
  };
  const bool any = pictures.size == extent2{0, 0};
  const auto times = [&](int height, int width) {
    return extent2{height * pictures.multiple, width * pictures.multiple};
  };
  const auto first = record(1, any ? times(4, 5) : pictures.size);
  const auto second = record(2, any ? times(7, 6) : pictures.size);
  return detail::onnx_translation::make(first, second, names, detail::named_state(*network));
}

}  // namespace retinue
