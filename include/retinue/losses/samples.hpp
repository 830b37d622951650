// SPDX-License-Identifier: Apache-2.0
// Which rows of a network's outputs are learnt from, and what each should say: positives by a
// matcher, negatives by mining.
//
//   matcher        in host memory, near the truths; what it says is brought to where tables lie
//   table matcher, predictive matcher     where the tables lie, anchors and truths as tables
#pragma once

#include <retinue/anchors/layout.hpp>          // anchor_layout
#include <retinue/backend.hpp>                 // tensor_backend
#include <retinue/backend/host_memory.hpp>     // in_host_memory
#include <retinue/error.hpp>                   // fail
#include <retinue/formulas/coders.hpp>         // box_code_t
#include <retinue/labels/policy.hpp>           // learnable_labels
#include <retinue/losses/costs.hpp>            // wanted
#include <retinue/losses/hard_negatives.hpp>   // negative_mining
#include <retinue/losses/sample_formulas.hpp>  // wrong_of, judge, minable
#include <retinue/losses/truths.hpp>           // truth_boxes
#include <retinue/matchers/assignment.hpp>     // matcher, table_matcher
#include <retinue/outputs.hpp>                 // outputs

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace retinue {

/// Rows of a batch's outputs, images one after the other.
template <tensor_backend B>
struct samples {
  typename B::list positives;                      ///< rows
  typename B::list truths;                         ///< of each, in the batch's truths
  typename B::template table<wanted<float>> want;  ///< of each
  typename B::list negatives;                      ///< rows
  std::size_t images = 0, anchors = 0;             ///< how many, of each image
};

/// Matches and mines a batch. Its buffers are reused.
template <tensor_backend B, class Match, learnable_labels Labels, negative_mining Mining,
          class Coder>
class sampler {
 public:
  static constexpr bool predicts = predictive_matcher<Match, B, Labels>;
  /// Whether a matcher looks at what the network says is known at run time alone.
  static constexpr bool may_look = predicts && requires(const Match& m) { m.looks(); };
  /// Truths are the host's, and so is their matching, where a matcher needs nothing else.
  static constexpr bool near_truths = matcher<Match> && (!predicts || may_look);
  static constexpr bool all_on_host = near_truths && in_host_memory<B>;
  static_assert(predicts || matcher<Match> || table_matcher<Match, B>,
                "a matcher must be callable with (layout, truths, ignore, assignment&), or have "
                "in_tables(backend, anchors, truths, assigned&), or the same with what the network "
                "says before the last: see retinue/matchers/assignment.hpp");

  sampler(Match match, Labels labels, Mining mining, Coder coder)
      : match_(std::move(match)),
        labels_(std::move(labels)),
        mining_(std::move(mining)),
        coder_(std::move(coder))
  {
  }

  /// What is drawn from here on is drawn for this update.
  void turn(std::uint64_t update)
  {
    if constexpr (requires { mining_.turn(update); }) mining_.turn(update);
  }

  /// Matches and mines what a network says of images; `anchors` (1, N) are those of the layout.
  /// Throws where the scores, or the boxes that a matcher looks at, have not a row for each anchor
  /// of each image; where a matcher gives other than one verdict an anchor, or one quality or
  /// weight, or assigns one to a truth that there is not; and where mining chooses a row that there
  /// is not.
  void operator()(B& b, const anchor_layout& layout,
                  const typename B::template table<centre_box<float>>& anchors,
                  const outputs<B>& said, const truth_boxes& truths, samples<B>& out)
  {
    const table_shape shape{truths.images(), layout.size()};
    const auto expect = [&](const table_shape& of, const char* what) {
      if (of != shape)
        fail("the ", what, " of ", of.images, " images and ", of.rows,
             " rows were to be learnt from, expected ", shape.images, " images and ", shape.rows,
             " rows, one for each anchor");
    };
    expect(said.scores.shape(), "scores");
    if constexpr (may_look) expect(said.boxes.shape(), "boxes");
    out.images = shape.images;
    out.anchors = shape.rows;
    static_assert(
        all_on_host || requires { mining_.quota(std::size_t{}); },
        "where tables lie elsewhere, or a matcher looks at what the network says, mining must tell "
        "how many negatives it wants: quota(positives)");
    if constexpr (may_look)
      if (match_.looks()) return match_in_tables(b, anchors, said, truths, out);
    if constexpr (all_on_host)
      sample_on_host(b, layout, said, truths, out);
    else if constexpr (near_truths)
      match_on_host(b, layout, said, truths, out);
    else
      match_in_tables(b, anchors, said, truths, out);
  }

 private:
  static void clear(B& b, typename B::list& rows) { b.put(std::span<const row_index>(), rows); }
  static std::span<const row_index> view_of(const std::vector<row_index>& rows) { return rows; }

  void sample_on_host(B& b, const anchor_layout& layout, const outputs<B>& said,
                      const truth_boxes& truths, samples<B>& out)
    requires(all_on_host)
  {
    clear(b, out.positives), clear(b, out.truths), clear(b, out.negatives);
    want_.clear();
    for (std::size_t i = 0; i < out.images; ++i) {
      match_(layout, truths.bounds(i), truths.ignore(i), assigned_);
      take(truths, i, out.anchors);
      b.map(detail::wrong_of<Labels>{labels_}, wrong_, said.scores.image(i));
      mining_(std::span<const float>(wrong_.column(0), wrong_.size()), verdicts_, positives_.size(),
              mined_);
      for (const row_index row : mined_)
        if (row >= out.anchors)
          fail("of image ", i, " of the batch, row ", row, " of ", out.anchors,
               " was chosen as a negative");
      b.append(positives_, i * out.anchors, out.positives);
      b.append(own_truths_, truths.first(i), out.truths);
      b.append(mined_, i * out.anchors, out.negatives);
    }
    b.put(std::span<const wanted<float>>(want_), 1, out.want);
  }

  /// Truths near their anchors, image by image; then what they say is put where the tables lie, and
  /// negatives are mined there, all images at once.
  void match_on_host(B& b, const anchor_layout& layout, const outputs<B>& said,
                     const truth_boxes& truths, samples<B>& out)
    requires(near_truths && !in_host_memory<B>)
  {
    want_.clear(), all_positives_.clear(), all_truths_.clear(), host_verdicts_.clear();
    quotas_.clear();
    for (std::size_t i = 0; i < out.images; ++i) {
      match_(layout, truths.bounds(i), truths.ignore(i), assigned_);
      take(truths, i, out.anchors);
      for (const row_index row : positives_)
        all_positives_.push_back(static_cast<row_index>(i * out.anchors + row));
      for (const row_index row : own_truths_)
        all_truths_.push_back(static_cast<row_index>(truths.first(i) + row));
      for (const verdict v : verdicts_) host_verdicts_.push_back({static_cast<float>(v)});
      quotas_.push_back(std::min(mining_.quota(positives_.size()), out.anchors));
    }
    b.put(view_of(all_positives_), out.positives);
    b.put(view_of(all_truths_), out.truths);
    b.put(std::span<const wanted<float>>(want_), 1, out.want);
    if (out.images == 0) return clear(b, out.negatives);

    b.put(std::span<const number<float>>(host_verdicts_), out.images, marks_);
    all_ranks_.clear();
    for (std::size_t i = 0; i < out.images && rank(out.anchors); ++i)
      all_ranks_.insert(all_ranks_.end(), host_ranks_.begin(), host_ranks_.end());
    if (all_ranks_.empty())
      b.map(detail::wrong_of<Labels>{labels_}, wrong_, said.scores);
    else
      b.put(std::span<const number<float>>(all_ranks_), out.images, wrong_);
    b.map(detail::minable{}, numbers_, wrong_, marks_);
    const auto [least, most] = std::minmax_element(quotas_.begin(), quotas_.end());
    if (*least == out.anchors) {
      b.map(detail::was_minable{}, marks_, numbers_);
      return b.compact(marks_, out.negatives);
    }
    b.best(numbers_, *most, rows_);
    host_verdicts_.clear();
    for (const std::size_t quota : quotas_)
      for (std::size_t place = 0; place < *most; ++place)
        host_verdicts_.push_back({place < quota ? 1.0f : 0.0f});
    b.put(std::span<const number<float>>(host_verdicts_), 1, within_);
    b.map(detail::was_minable_within{}, marks_, b.gather(numbers_, rows_), within_);
    b.compact(marks_, chosen_);
    b.gather(rows_, chosen_, out.negatives);
  }

  void match_in_tables(B& b, const typename B::template table<centre_box<float>>& anchors,
                       const outputs<B>& said, const truth_boxes& truths, samples<B>& out)
    requires(!near_truths || may_look)
  {
    b.count({out.images, out.anchors}, numbers_);
    b.map(detail::blank{}, all_judged_, numbers_);
    b.count({1, out.anchors}, numbers_);
    b.rows_of(numbers_, anchor_rows_);
    clear(b, out.positives), clear(b, out.truths), clear(b, out.negatives);
    for (std::size_t i = 0; i < out.images; ++i) {
      match_image(b, anchors, said, truths, i);
      sample_image(b, said, truths, i, out);
    }
    b.put(truths.weights(), 1, weights_);
    b.map(detail::wanted_of{}, out.want, b.gather(all_judged_, out.positives),
          b.gather(weights_, out.truths));
  }

  /// Reads the assignment of one image: what its positives should say, and who may be mined.
  void take(const truth_boxes& truths, std::size_t image, std::size_t anchors)
  {
    const assignment& a = assigned_;
    if (a.verdicts.size() != anchors || a.truths.size() != anchors)
      fail("image ", image, " of the batch has verdicts on ", a.verdicts.size(),
           " anchors, expected ", anchors);
    for (const auto& [of, what] : {std::pair{&a.qualities, "qualities"}, {&a.weights, "weights"}})
      if (!of->empty() && of->size() != anchors)
        fail("image ", image, " of the batch has ", of->size(), " ", what, ", expected none or ",
             anchors, ", one for each anchor");
    const auto of_image = truths.boxes(image);
    verdicts_.assign(a.verdicts.begin(), a.verdicts.end());
    positives_.clear(), own_truths_.clear();
    each_positive(a.verdicts, [&](std::size_t anchor) {
      const row_index truth = a.truths[anchor];
      if (truth >= of_image.size())
        fail("image ", image, " of the batch assigns an anchor to truth ", truth, " of ",
             of_image.size());
      const float label = of_image[truth].label;
      if (label > 0) {
        positives_.push_back(static_cast<row_index>(anchor));
        own_truths_.push_back(truth);
        want_.push_back({label, a.qualities.empty() ? 1.0f : a.qualities[anchor],
                         (a.weights.empty() ? 1.0f : a.weights[anchor]) *
                             truths.weights()[truths.first(image) + truth].value});
      } else {
        verdicts_[anchor] = label == 0 ? verdict::negative : verdict::ignored;
      }
    });
    const std::size_t all = positives_.size(), before = want_.size() - all;
    if (!keep(all)) return;
    for (std::size_t k = 0; k < kept_.size(); ++k) {
      positives_[k] = positives_[kept_[k]];
      own_truths_[k] = own_truths_[kept_[k]];
      want_[before + k] = want_[before + kept_[k]];
    }
    positives_.resize(kept_.size()), own_truths_.resize(kept_.size());
    want_.resize(before + kept_.size());
  }

  /// Whether mining draws, where it can.
  [[nodiscard]] bool draws() const
  {
    if constexpr (requires { mining_.draws(); })
      return mining_.draws();
    else
      return true;
  }
  /// Fills host_ranks_ where mining has ranks of its own.
  bool rank(std::size_t anchors)
  {
    if constexpr (requires { mining_.rank(anchors, host_ranks_); })
      if (draws()) {
        mining_.rank(anchors, host_ranks_);
        return true;
      }
    return false;
  }
  /// Fills kept_ where not all of so many positives are to be learnt from.
  bool keep(std::size_t positives)
  {
    if constexpr (requires { mining_.keep(positives, kept_); })
      if (draws()) {
        mining_.keep(positives, kept_);
        return kept_.size() < positives;
      }
    return false;
  }

  /// Fills assignment_, (1, anchors), of one image.
  void match_image(B& b, const typename B::template table<centre_box<float>>& anchors,
                   const outputs<B>& said, const truth_boxes& truths, std::size_t i)
    requires(!near_truths || may_look)
  {
    const auto bounds = truths.bounds(i);
    const auto boxes = truths.boxes(i);
    const auto ignore = truths.ignore(i);
    host_rivals_.clear();
    for (std::size_t t = 0; t < bounds.size(); ++t)
      host_rivals_.push_back({bounds[t], boxes[t].label,
                              !ignore.empty() && ignore[t] ? 1.0f
                              : boxes[t].label < 0         ? 2.0f
                                                           : 0.0f});
    b.put(std::span<const rival<float>>(host_rivals_), 1, rivals_);
    if constexpr (predicts) {
      const auto scores = said.scores.image(i);
      b.map(detail::decoded<Coder>{coder_}, decoded_,
            b.template as<box_code_t<Coder>>(said.boxes.image(i), "boxes"), anchors);
      match_.in_tables(b, anchors, rivals_, said_of_image<B, Labels>{scores, labels_, decoded_},
                       assignment_);
    } else {
      match_.in_tables(b, anchors, rivals_, assignment_);
    }
    b.map(detail::label_of_rival{}, labels_of_, rivals_);
  }

  /// Adds the positives and the negatives of assignment_.
  void sample_image(B& b, const outputs<B>& said, const truth_boxes& truths, std::size_t i,
                    samples<B>& out)
    requires(!near_truths || may_look)
  {
    if (labels_of_.shape().rows > 0) {
      b.map(detail::truth_of{}, numbers_, assignment_);
      b.rows_of(numbers_, rows_);
      b.map(detail::judge{}, judged_, assignment_, b.gather(labels_of_, rows_));
    } else {
      b.map(detail::judge{}, judged_, assignment_);
    }
    clear(b, rows_);
    b.append(anchor_rows_, i * out.anchors, rows_);
    b.scatter(judged_, rows_, all_judged_);

    b.map(detail::is_positive{}, numbers_, judged_);
    b.compact(numbers_, rows_);
    if (keep(rows_.size())) {
      b.put(view_of(kept_), chosen_);
      b.gather(rows_, chosen_, rows_);
    }
    const std::size_t positives = rows_.size();
    b.append(rows_, i * out.anchors, out.positives);
    b.map(detail::truth_of{}, numbers_, b.gather(assignment_, rows_));
    b.rows_of(numbers_, chosen_);
    b.append(chosen_, truths.first(i), out.truths);

    if (rank(out.anchors))
      b.put(std::span<const number<float>>(host_ranks_), 1, wrong_);
    else
      b.map(detail::wrong_of<Labels>{labels_}, wrong_, said.scores.image(i));
    b.map(detail::minable{}, numbers_, wrong_, judged_);
    if (const std::size_t quota = mining_.quota(positives); quota >= out.anchors) {
      b.map(detail::was_minable{}, marks_, numbers_);
      b.compact(marks_, rows_);
    } else {
      b.best(numbers_, quota, rows_);
      b.map(detail::was_minable{}, marks_, b.gather(numbers_, rows_));
      b.compact(marks_, chosen_);
      b.gather(rows_, chosen_, rows_);
    }
    b.append(rows_, i * out.anchors, out.negatives);
  }

  Match match_;
  Labels labels_;
  Mining mining_;
  Coder coder_;
  // Of one image, on the host:
  assignment assigned_;
  std::vector<verdict> verdicts_;
  std::vector<row_index> positives_, own_truths_, kept_, mined_;
  std::vector<rival<float>> host_rivals_;
  // Of the batch, on the host:
  std::vector<wanted<float>> want_;
  std::vector<row_index> all_positives_, all_truths_;
  std::vector<number<float>> host_verdicts_, host_ranks_, all_ranks_;
  std::vector<std::size_t> quotas_;
  // Where tables lie:
  typename B::template table<rival<float>> rivals_;
  typename B::template table<box<float>> decoded_;
  typename B::template table<assigned<float>> assignment_;
  typename B::template table<detail::judged<float>> judged_, all_judged_;
  typename B::template table<number<float>> labels_of_, weights_, numbers_, wrong_, marks_, within_;
  typename B::list rows_, chosen_, anchor_rows_;
};

}  // namespace retinue
