// SPDX-License-Identifier: Apache-2.0
// The multibox loss of tensors, two ways with one call; autograd flows through either.
//
//   aten_multibox_loss    plain ATen operations, on any device: the oracle
//   fused_multibox_loss   the one pass of losses/multibox.hpp, whose gradients it keeps for the
//                         backward; a tensor of another device or type goes to the host and back
//
// Terms are scalars, each to be weighed and summed as you like; total is the sum by the settings.
#pragma once

#include <retinue/backend/libtorch.hpp>  // scalar_of<at::Tensor>
#include <retinue/error.hpp>             // fail
#include <retinue/losses/multibox.hpp>   // multibox_settings, multibox_loss

#include <torch/torch.h>  // autograd::Function

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <span>
#include <vector>

namespace retinue {

/// What a network said: (B, anchors, 4), (B, anchors, classes) and (B, anchors, W), where W is the
/// schema's count x dimension. Where that is 0, landmarks may be undefined.
struct tensor_outputs {
  at::Tensor offsets, logits, landmarks;
};

struct tensor_terms {
  at::Tensor box, label, landmark, total;                        ///< ()
  std::size_t positives = 0, negatives = 0, with_landmarks = 0;  ///< anchors that took part
};

namespace detail {
inline void check_shape(const at::Tensor& given, const char* name,
                        std::initializer_list<std::size_t> expected)
{
  const std::vector<std::int64_t> shape(expected.begin(), expected.end());
  if (!given.defined() || given.sizes() != at::IntArrayRef(shape))
    fail("the ", name, " of a multibox loss have shape ",
         given.defined() ? given.sizes() : at::IntArrayRef(), ", expected ",
         at::IntArrayRef(shape));
}

inline void check_shapes(const tensor_outputs& predicted, std::size_t images, std::size_t anchors,
                         std::size_t classes, std::size_t landmark_width)
{
  check_shape(predicted.offsets, "offsets", {images, anchors, 4});
  check_shape(predicted.logits, "logits", {images, anchors, classes});
  if (landmark_width > 0)
    check_shape(predicted.landmarks, "landmarks", {images, anchors, landmark_width});
}

template <class T>
at::Tensor tensor_of(const std::vector<T>& values, std::int64_t width, const at::Device& device)
{
  const auto rows = static_cast<std::int64_t>(values.size()) / width;
  at::Tensor t = at::empty({rows, width}, at::CppTypeToScalarType<T>::value);
  if (!values.empty()) std::memcpy(t.data_ptr(), values.data(), values.size() * sizeof(T));
  return t.to(device);
}

/// A value whose gradient by its input is known, and is 0 but for some rows.
struct known_gradient : torch::autograd::Function<known_gradient> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& input,
                            double value, const row_gradients& gradient)
  {
    const auto width = static_cast<std::int64_t>(gradient.width);
    const at::Device device = input.device();
    context->save_for_backward(
        {tensor_of(gradient.rows, 1, device).flatten(),
         tensor_of(gradient.values, width, device).div_(gradient.divisor).to(input.scalar_type())});
    context->saved_data["shape"] = input.sizes();
    return at::scalar_tensor(value, input.options().requires_grad(false));
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& by_value)
  {
    const auto saved = context->get_saved_variables();
    const at::Tensor& slope = by_value[0];
    at::Tensor by_input = at::zeros(context->saved_data["shape"].toIntVector(), saved[1].options());
    by_input.view({-1, saved[1].size(1)}).index_copy_(0, saved[0], saved[1] * slope);
    return {by_input, at::Tensor(), at::Tensor()};
  }
};

template <class Settings>
void weigh(const Settings& s, tensor_terms& terms)
{
  terms.total = terms.box * s.weights.box + terms.label * s.weights.label +
                terms.landmark * s.weights.landmark;
}
}  // namespace detail

template <landmark_schema Schema, coder<Schema> Coder = centre_size_coder,
          negative_mining Mining = hard_negatives, box_loss BoxLoss = smooth_l1,
          residual_loss LandmarkLoss = smooth_l1>
class fused_multibox_loss {
 public:
  using host_loss = multibox_loss<Schema, Coder, Mining, BoxLoss, LandmarkLoss>;
  using settings = typename host_loss::settings;

  explicit fused_multibox_loss(const settings& s = {}) : loss_(s) {}

  tensor_terms operator()(std::span<const centre_box<float>> anchors,
                          const tensor_outputs& predicted,
                          std::span<const image_targets<Schema>> images)
  {
    const settings& s = loss_.chosen();
    constexpr std::size_t width = host_loss::landmark_width;
    detail::check_shapes(predicted, images.size(), anchors.size(), s.classes, width);
    const auto on_host = [](const at::Tensor& t) {
      return t.defined() ? t.detach().to(at::kCPU, at::kFloat).contiguous() : t;
    };
    const at::Tensor offsets = on_host(predicted.offsets), logits = on_host(predicted.logits),
                     landmarks = on_host(predicted.landmarks);
    const multibox_terms sums = loss_(anchors,
                                      {offsets.data_ptr<float>(), logits.data_ptr<float>(),
                                       width > 0 ? landmarks.data_ptr<float>() : nullptr},
                                      images);
    const auto term = [](const at::Tensor& input, double value, const row_gradients& gradient) {
      return detail::known_gradient::apply(input, value, gradient);
    };
    tensor_terms terms{term(predicted.offsets, sums.box, loss_.box_gradients()),
                       term(predicted.logits, sums.label, loss_.label_gradients()),
                       {},
                       {},
                       sums.positives,
                       sums.negatives,
                       sums.with_landmarks};
    if constexpr (width > 0)
      terms.landmark = term(predicted.landmarks, sums.landmark, loss_.landmark_gradients());
    else
      terms.landmark = at::zeros_like(terms.box);
    detail::weigh(s, terms);
    return terms;
  }

 private:
  host_loss loss_;
};

template <landmark_schema Schema, coder<Schema> Coder = centre_size_coder,
          negative_mining Mining = hard_negatives, box_loss BoxLoss = smooth_l1,
          residual_loss LandmarkLoss = smooth_l1>
  requires requires(const Mining& m, std::size_t n) { m.quota(n); }
class aten_multibox_loss {
 public:
  using settings = multibox_settings<Schema, Coder, Mining, BoxLoss, LandmarkLoss>;

  explicit aten_multibox_loss(const settings& s = {}) : settings_(s) { s.check(); }

  tensor_terms operator()(std::span<const centre_box<float>> anchors,
                          const tensor_outputs& predicted,
                          std::span<const image_targets<Schema>> images)
  {
    detail::check_shapes(predicted, images.size(), anchors.size(), settings_.classes, width);
    list_positives(anchors, images);
    const at::TensorOptions like = predicted.logits.options().requires_grad(false);
    const at::Device device = like.device();
    const auto table = [&](const std::vector<float>& values, std::size_t w) {
      return detail::tensor_of(values, static_cast<std::int64_t>(w), device).to(like);
    };
    const at::Tensor rows = detail::tensor_of(rows_, 1, device).flatten();
    const auto anchor = columns_of<centre_box<at::Tensor>>(table(anchors_, 4));

    tensor_terms terms;
    terms.positives = rows_.size();
    terms.with_landmarks = with_landmarks_;
    const auto truth = columns_of<box<at::Tensor>>(table(boxes_, 4));
    terms.box = box_costs(predicted.offsets, rows, truth, anchor) /
                settings_.divisor(terms.positives, images.size());
    if constexpr (width > 0) {
      using points = landmarks<at::Tensor, Schema>;
      const auto marks = settings_.code.encode(columns_of<points>(table(points_, width)), anchor);
      terms.landmark =
          residuals(settings_.landmark, predicted.landmarks, rows, marks, table(visible_, width)) /
          settings_.divisor(with_landmarks_, images.size());
    } else {
      terms.landmark = at::zeros({}, like);
    }
    const at::Tensor labels =
        at::zeros({predicted.logits.size(0) * predicted.logits.size(1)}, like.dtype(at::kLong))
            .index_copy_(0, rows, detail::tensor_of(labels_, 1, device).flatten());
    const at::Tensor cost = -at::log_softmax(predicted.logits, -1)
                                 .gather(-1, labels.view({predicted.logits.size(0), -1, 1}))
                                 .squeeze(-1);  // (B, P)
    terms.label = at::masked_select(cost, taught(predicted.logits.detach(), device)).sum() /
                  settings_.divisor(terms.positives, images.size());
    terms.negatives = 0;
    for (const std::int64_t q : quotas_) terms.negatives += static_cast<std::size_t>(q);
    detail::weigh(settings_, terms);
    return terms;
  }

 private:
  static constexpr std::size_t width = Schema::count * Schema::dimension;

  /// Row after row, what the positives of the batch should say.
  void list_positives(std::span<const centre_box<float>> anchors,
                      std::span<const image_targets<Schema>> images)
  {
    for (auto* list : {&anchors_, &boxes_, &points_, &visible_}) list->clear();
    rows_.clear(), labels_.clear(), verdicts_.clear(), quotas_.clear();
    with_landmarks_ = 0;
    for (std::size_t b = 0; b < images.size(); ++b) {
      read_(images[b], anchors.size(), settings_.classes, b, settings_.reading);
      std::size_t negatives = 0;
      for (const verdict v : read_.verdicts()) {
        verdicts_.push_back(static_cast<std::uint8_t>(v));
        negatives += v == verdict::negative;
      }
      quotas_.push_back(static_cast<std::int64_t>(
          std::min(negatives, settings_.mining.quota(read_.positives().size()))));
      for (const positive_anchor& p : read_.positives()) {
        const instance<Schema>& truth = images[b].truths[p.truth];
        rows_.push_back(static_cast<std::int64_t>(b * anchors.size() + p.anchor));
        labels_.push_back(p.label);
        const bool any = read_.has_landmarks(images[b], p);
        with_landmarks_ += any;
        for (std::size_t c = 0; c < 4; ++c) {
          anchors_.push_back(anchors[p.anchor][c]);
          boxes_.push_back(truth.bounds[c]);
        }
        for (std::size_t c = 0; c < width; ++c) {
          const bool seen = any && read_.is_visible(truth, c / Schema::dimension);
          points_.push_back(seen ? truth.points[c] : 0);
          visible_.push_back(seen ? 1.0f : 0.0f);
        }
      }
    }
  }

  /// (B, P): the positives, and the negatives that a full sort puts first.
  at::Tensor taught(const at::Tensor& logits, const at::Device& device) const
  {
    const std::int64_t images = logits.size(0), n = logits.size(1);
    const at::Tensor verdicts = detail::tensor_of(verdicts_, 1, device).view({images, n});
    const at::Tensor objects = logits.slice(-1, 1);
    const at::Tensor most =
        settings_.classes == 2 ? objects.squeeze(-1) : at::logsumexp(objects, -1);
    const at::Tensor is_negative = verdicts == static_cast<std::int64_t>(verdict::negative);
    const at::Tensor odds =
        (most - logits.select(-1, 0)).masked_fill(is_negative.logical_not(), -HUGE_VAL);
    const at::Tensor order = std::get<1>(at::sort(odds, /*stable=*/true, 1, /*descending=*/true));
    const at::Tensor rank = at::empty_like(order).scatter_(
        1, order, at::arange(n, order.options()).expand({images, n}));
    const at::Tensor quota = detail::tensor_of(quotas_, 1, device);  // (B, 1)
    return (verdicts == static_cast<std::int64_t>(verdict::positive))
        .logical_or(is_negative.logical_and(rank < quota));
  }

  template <class Columns>
  static Columns columns_of(const at::Tensor& table)
  {
    Columns columns;
    for (std::size_t c = 0; c < Columns::width; ++c)
      columns[c] = table.select(1, static_cast<std::int64_t>(c));
    return columns;
  }

  at::Tensor box_costs(const at::Tensor& predicted, const at::Tensor& rows,
                       const box<at::Tensor>& truth, const centre_box<at::Tensor>& anchor) const
  {
    if constexpr (residual_loss<BoxLoss>) {
      return residuals(settings_.box, predicted, rows, settings_.code.encode(truth, anchor), {});
    } else {
      const auto said = columns_of<offsets<at::Tensor>>(rows_of(predicted, rows, 4));
      return settings_.box(settings_.code.decode(said, anchor), truth).sum();
    }
  }

  /// (positives, width)
  static at::Tensor rows_of(const at::Tensor& predicted, const at::Tensor& rows, std::int64_t width)
  {
    return predicted.reshape({-1, width}).index_select(0, rows);
  }

  /// The sum over the rows, of those components that `counts`, if defined, says.
  template <class Loss, class Columns>
  static at::Tensor residuals(const Loss& loss, const at::Tensor& predicted, const at::Tensor& rows,
                              const Columns& want, const at::Tensor& counts)
  {
    std::vector<at::Tensor> all;
    for (std::size_t c = 0; c < Columns::width; ++c) all.push_back(want[c]);
    const at::Tensor chosen = rows_of(predicted, rows, static_cast<std::int64_t>(Columns::width));
    const at::Tensor cost = loss.value(at::Tensor(chosen - at::stack(all, 1)));
    return (counts.defined() ? cost * counts : cost).sum();
  }

  settings settings_;
  target_reader read_;
  std::vector<float> anchors_, boxes_, points_, visible_;  // (positives, 4, 4, W, W)
  std::vector<std::int64_t> rows_, labels_, quotas_;
  std::vector<std::uint8_t> verdicts_;
  std::size_t with_landmarks_ = 0;
};

}  // namespace retinue
