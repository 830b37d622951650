// SPDX-License-Identifier: Apache-2.0
// A loss and its gradient in host memory, for a network that learns in any framework: what it says
// goes in as arrays, and arrays of the same shapes come out, to go on backwards with.
#include <retinue/anchors.hpp>
#include <retinue/backend/host.hpp>
#include <retinue/losses.hpp>
#include <retinue/matchers.hpp>

#include <cstddef>
#include <cstdio>
#include <vector>

using namespace retinue;

namespace {

using plate = schemas::plate4;
using settings = multibox_settings<plate>;  // softmax labels, smooth L1, 7 negatives a positive

/// What the network says of a batch, and what each number is worth: d loss / d number.
struct said {
  std::vector<float> scores, boxes, corners;

  explicit said(std::size_t rows) : scores(2 * rows), boxes(4 * rows), corners(8 * rows) {}
};

/// Keeps its buffers between batches: one learner serves one thread at a time.
class learner {
 public:
  /// Of pictures of one size, in pixels.
  explicit learner(extent2 size)
      : anchors_(square_anchors::retinaface(), size),
        sample_(overlap_matcher::retinaface(), settings_.labels, settings_.mining, settings_.code)
  {
    backend_.put(anchors_.anchors(), 1, table_);
  }

  [[nodiscard]] std::size_t rows() const { return anchors_.size(); }

  /// The loss of images whose truths are fractions of their sides. Writes the gradient.
  double operator()(const said& by, const std::vector<std::vector<instance<plate>>>& truths,
                    said& gradient)
  {
    const table_shape shape{truths.size(), rows()};
    const outputs<host_backend> out{.scores = {by.scores.data(), shape, 2},
                                    .boxes = {by.boxes.data(), shape, 4},
                                    .points = {by.corners.data(), shape, 8}};
    truths_.read(truths, settings_.classes, settings_.reading);
    sample_(backend_, anchors_, table_, out, truths_, chosen_);  // match and mine
    double total = 0;
    for (const auto& term : loss_(backend_, table_, out, truths_, chosen_).terms) {
      total += term.weight * term.cost.sum / term.divisor;
      auto& to = term.part == output_part::scores  ? gradient.scores
                 : term.part == output_part::boxes ? gradient.boxes
                                                   : gradient.corners;
      term.cost.write(term.weight / term.divisor, to.data(), shape.images * shape.rows);
    }
    return total;
  }

 private:
  settings settings_;
  anchor_layout anchors_;
  host_backend backend_;
  settings::sampler_over<host_backend, overlap_matcher> sample_;
  settings::loss_over<host_backend> loss_{settings_};
  columns<centre_box<float>> table_;
  truth_batch<plate> truths_;
  samples<host_backend> chosen_;
};

}  // namespace

int main()
{
  learner learn({.height = 96, .width = 128});
  std::vector<std::vector<instance<plate>>> pictures(2);  // one plate, and none
  instance<plate> truth{.bounds = {0.25f, 0.5f, 0.5f, 0.75f}};
  truth.points.points = {{{0.25f, 0.5f}, {0.5f, 0.5f}, {0.5f, 0.75f}, {0.25f, 0.75f}}};
  truth.visible.fill(true);
  pictures[0].push_back(truth);

  // Numbers that know nothing, and go down their gradient: no network, but all that one would get.
  said numbers(2 * learn.rows()), gradient(2 * learn.rows());
  for (int update = 0; update < 4; ++update) {
    std::printf("loss %.3f\n", learn(numbers, pictures, gradient));
    const auto descend = [](std::vector<float>& of, const std::vector<float>& slopes) {
      for (std::size_t i = 0; i < of.size(); ++i) of[i] -= 4 * slopes[i];
    };
    descend(numbers.scores, gradient.scores);
    descend(numbers.boxes, gradient.boxes);
    descend(numbers.corners, gradient.corners);
  }
}

// Output:
//   loss 45.945
//   loss 37.510
//   loss 32.203
//   loss 28.187
